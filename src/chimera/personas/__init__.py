"""Personas and the fleet policy: what people write and every influencer obeys (SOUL-1..4)."""
