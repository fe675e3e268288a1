"""How campaigns and influencers are called, for the pages of rooms below theirs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


class NamedCampaign(Protocol):
    """What of a campaign is shown beside what belongs to it."""

    @property
    def campaign_id(self) -> UUID:
        """Where a link leads."""
        ...

    @property
    def name(self) -> str:
        """What its author calls it."""
        ...

    @property
    def persona(self) -> str:
        """Whose it is."""
        ...

    @property
    def standing(self) -> bool:
        """Whether it is the one that every influencer has, which all share a name."""
        ...


@dataclass(frozen=True)
class CampaignNames:
    """Looks campaigns up for rooms that know none."""

    newest: Callable[[UUID, int], Awaitable[Sequence[NamedCampaign]]]
    """A tenant's campaigns, so many at most."""

    one: Callable[[UUID, UUID], Awaitable[NamedCampaign]]
    """One of them; NotFound when there is none."""


@dataclass(frozen=True)
class InfluencerNames:
    """Looks influencers up for rooms that know none."""

    newest: Callable[[UUID, int], Awaitable[Mapping[UUID, str]]]
    """The personas of a tenant's influencers by their ids, so many at most."""
