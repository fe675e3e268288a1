"""Buying from sellers of HTTP resources (x402), within the order that the CFO signed."""
