"""The fleet as a whole: halts, health, living processes, the live view."""
