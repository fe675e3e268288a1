"""A whole social network in one SQLite file, spoken to over MCP: the default platform, offline."""
