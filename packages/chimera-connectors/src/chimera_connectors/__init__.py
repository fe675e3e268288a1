"""MCP servers that read the world: news feeds; more networks to come."""
