"""Rows of the task table."""
