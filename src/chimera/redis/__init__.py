"""Redis: queues, signals and limits that all processes share. Losing it loses no work."""
