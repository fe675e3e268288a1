"""The command line's part of the room."""
