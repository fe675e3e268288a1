"""What operators and the Planner do with campaigns, each in one transaction."""
