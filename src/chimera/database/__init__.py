"""PostgreSQL: connections, group commit, migrations."""
