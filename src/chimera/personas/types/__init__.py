"""Souls and policies."""
