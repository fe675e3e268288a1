"""Chimera beside its peers: what a queue hop, a durable cycle and an idle influencer cost, as ratios of one run."""
