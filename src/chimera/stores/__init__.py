"""State: the only home of SQL, Redis and vectors."""
