"""A deterministic model of ours: it quotes the facts it is given and invents nothing."""
