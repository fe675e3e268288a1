"""The MCP host: the only way to the outside (MCP-1)."""
