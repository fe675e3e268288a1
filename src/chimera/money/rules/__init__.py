"""Accounts, budgets, evidence and statements, as pure functions over exact amounts."""
