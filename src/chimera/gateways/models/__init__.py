"""Language models: any provider's, and the composer of our own."""
