"""Tasks: dispatched, claimed, fenced, ended (ORC-1..15)."""
