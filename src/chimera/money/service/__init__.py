"""Use cases of money, each in one transaction."""
