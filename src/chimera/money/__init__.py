"""Budgets, the ledger, payments and the books (FIN-1..8)."""
