"""What a plan may be."""
