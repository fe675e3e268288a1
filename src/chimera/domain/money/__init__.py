"""The rules of money: accounts, limits, evidence, the journal. Exact numbers only."""
