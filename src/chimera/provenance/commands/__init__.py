"""The command line's part of the room: verify what a stranger brings, export and check the log."""
