"""The trail and the transparency log: what happened, sealed so that no change stays unseen."""
