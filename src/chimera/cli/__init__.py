"""The command line's shell; the rooms bring their commands."""
