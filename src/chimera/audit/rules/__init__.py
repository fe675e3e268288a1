"""How a log grows, and how checkpoints are batched for a chain."""
