"""What the bundled servers share: MCP transports, an HTTP listener, a child's life, an append-only journal."""
