"""What the read side of the personas needs of the running fleet."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID


class Activity(Protocol):
    """Live state: who thinks about what, right now. Never the truth, and away when Redis is."""

    async def busy(self, agents: Sequence[UUID]) -> Mapping[UUID, dict[str, str]]:
        """The `role` and the `goal` of those of these influencers who are at work; Unavailable when nobody knows."""
        ...
