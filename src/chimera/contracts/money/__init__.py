"""Wire types of budgets, spends, payments and books."""
