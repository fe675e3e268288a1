"""Requests, decisions, limits and books, as they cross a boundary."""
