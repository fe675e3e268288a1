"""The token contract of ours, and how tokens are spoken to: shared by the chain, the signer and the wallet."""
