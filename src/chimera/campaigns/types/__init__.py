"""Briefs, plans, and what the Planner is told."""
