"""The board's part of the room."""
