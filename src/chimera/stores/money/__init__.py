"""Money in PostgreSQL: authorisations, the journal, limits, wallets, and what can be read of it."""
