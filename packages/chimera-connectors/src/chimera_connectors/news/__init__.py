"""News feeds, RSS and Atom, read over MCP."""
