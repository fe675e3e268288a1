"""Forward migrations: Alembic revisions, each of which runs the .sql file that bears its name."""
