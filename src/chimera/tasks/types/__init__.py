"""The seed's work contracts, and tasks as they travel."""
