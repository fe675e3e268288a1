"""Verdicts and what is held for them, as they cross a boundary."""
