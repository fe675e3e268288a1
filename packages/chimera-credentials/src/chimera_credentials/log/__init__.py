"""Proofs about a transparency log: leaves, Merkle trees (RFC 6962), signed checkpoints (C2SP)."""
