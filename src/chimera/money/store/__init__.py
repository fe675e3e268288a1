"""The SQL of money: budgets and ledger, limits, payments, settlements, books."""
