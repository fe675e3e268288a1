"""The chains that the tests share with those of the wallet."""

from wallet_setup import anvil, embedded, end, node, start_chain

__all__ = ["anvil", "embedded", "end", "node", "start_chain"]
