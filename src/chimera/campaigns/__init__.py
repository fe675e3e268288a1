"""Campaigns: a brief, its plan, and the graph of tasks that comes of it."""
