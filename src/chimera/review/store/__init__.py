"""What review reads and writes in PostgreSQL."""
