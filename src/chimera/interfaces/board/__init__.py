"""The board: pages for people, on the same calls as the API."""
