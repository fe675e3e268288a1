"""The MCP servers that ship with Chimera: stand-alone programs that know nothing of the rest of it."""
