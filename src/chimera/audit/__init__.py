"""The trail of what was decided, and the transparency log in which no change goes unseen (PRV-4)."""
