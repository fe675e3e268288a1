"""Halts, health and the live view, as people see them."""
