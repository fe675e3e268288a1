"""The life of tasks, each step in one transaction."""
