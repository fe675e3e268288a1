"""The chains, signers and keys that the tests of payments share."""

from wallet_setup import account, anvil, cfo, embedded, end, new_signer, node, start_chain

__all__ = ["account", "anvil", "cfo", "embedded", "end", "new_signer", "node", "start_chain"]
