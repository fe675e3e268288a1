"""News feeds, RSS, Atom and JSON, read over MCP."""
