"""What the Judge checks in code."""
