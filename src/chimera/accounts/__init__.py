"""Tenants, API keys, and what an operator sets up for a fleet."""
