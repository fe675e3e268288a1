"""Regions, drawn. A page is drawn from the same regions as its stream, so that what is loaded and what is pushed
cannot differ."""

from collections.abc import Sequence, Set
from uuid import UUID

from markupsafe import Markup

from chimera.api.services import Services
from chimera.board.live import Region
from chimera.board.rooms import BoardLook, Pages, RegionSource
from chimera.board.templates import Templates
from chimera_protocol.errors import Invalid, NotFound

PLAIN = "plain"
"""The kind of page on which only the head changes."""


class Renderer:
    """Draws the regions of all rooms."""

    def __init__(self, services: Services, pages: Sequence[Pages]) -> None:
        self.templates = Templates(pages)
        self._services = services
        self._sources: dict[str, RegionSource] = {}
        for each in pages:
            self._sources |= each.regions
        head = tuple(name for name, source in self._sources.items() if source.everywhere)
        self.views: dict[str, tuple[str, ...]] = {PLAIN: head}
        """The regions of each kind of page that can change while it is looked at."""
        for each in pages:
            self.views |= {view: (*head, *names) for view, names in each.views.items()}

    def regions(self, view: str, of: str, may: frozenset[str]) -> list[Region]:
        """What a page shows. Rights count only where they put buttons on it, so that more viewers share a drawing.

        Invalid for a kind of page that there is not.
        """
        if view not in self.views:
            raise Invalid(f"see: there is no page {view}", remedy="Correct it and send it again.")
        found = [(name, self._sources[name]) for name in self.views[view]]
        return [Region(name, of if source.of_one else "", may & source.buttons) for name, source in found]

    async def draw(self, tenant_id: UUID, regions: Set[Region]) -> dict[Region, Markup]:
        """These regions as they are now; what does not exist is missing."""
        look = BoardLook(self._services, tenant_id, frozenset(each.region for each in regions))
        drawn: dict[Region, Markup] = {}
        for each in regions:
            source = self._sources.get(each.region)
            try:
                values = await source.values(look, each.of) if source is not None else None
            except NotFound:
                continue
            if values is not None:
                drawn[each] = self.templates.region(each.region, may=each.may, **values)
        return drawn
