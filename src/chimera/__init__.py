"""Chimera: fleets of autonomous AI influencers that people can trust with an audience and with money."""
