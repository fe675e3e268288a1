"""An Ethereum chain of one's own behind JSON-RPC: where payments go by default, with money that is worth nothing."""
