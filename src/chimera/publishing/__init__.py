"""Effects on the outside: granted once, published once (PUB-1, PUB-2)."""
