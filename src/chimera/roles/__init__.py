"""What a process does: planner, worker, judge, CFO, publisher, through ports and services."""
