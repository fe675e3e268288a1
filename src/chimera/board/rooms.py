"""What a room adds to the board: pages, forms, and regions that are drawn anew when something has changed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, cast
from uuid import UUID

from fastapi.responses import Response

from chimera.api.services import Service, Services

Handler = Callable[..., Awaitable[Response]]
Right = Literal["see", "review", "operate", "author"]

_Read = TypeVar("_Read")


class BoardLook:
    """One look at a tenant's fleet. What several regions show is read once."""

    def __init__(self, services: Services, tenant_id: UUID, wanted: frozenset[str]) -> None:
        self.tenant_id = tenant_id
        self.wanted = wanted
        self._services = services
        self._seen: dict[object, object] = {}

    def service(self, kind: type[Service]) -> Service:
        """What a room offers."""
        return self._services.get(kind)

    async def once(self, read: Callable[["BoardLook"], Awaitable[_Read]]) -> _Read:
        """What this finds, read the first time that it is asked for."""
        if read not in self._seen:
            self._seen[read] = await read(self)
        return cast(_Read, self._seen[read])


class RegionSource(NamedTuple):
    """Where a region's values come from, and for whom it looks different."""

    values: Callable[[BoardLook, str], Awaitable[Mapping[str, object]]]
    """What its template is given, for the thing that it is of. NotFound when there is no such thing."""

    buttons: frozenset[str] = frozenset()
    """The rights that put buttons on it."""

    of_one: bool = False
    """Whether it shows the one thing that its page is about."""

    everywhere: bool = False
    """Whether it is on every page."""


@dataclass(frozen=True)
class Pages:
    """The pages of one subject."""

    package: str
    """The room, whose `templates` hold theirs."""

    reading: Sequence[tuple[str, Handler]] = ()
    acting: Sequence[tuple[str, Handler, Right]] = ()
    """Every form, with the gate in front of it."""

    regions: Mapping[str, RegionSource] = field(default_factory=dict)
    views: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The regions, of any room, that kinds of pages keep up to date."""

    functions: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    filters: Mapping[str, Callable[..., object]] = field(default_factory=dict)
