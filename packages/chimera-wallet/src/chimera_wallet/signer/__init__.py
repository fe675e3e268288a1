"""The one process that holds keys: it signs what the CFO ordered, once, and never talks to the network."""
