"""What the rooms add to the board fits together: a name is given once, and what a look reads is read once."""

from collections import Counter
from importlib import resources
from uuid import UUID

import pytest

from chimera.api.services import Services
from chimera.board.rendering import Renderer
from chimera.board.rooms import BoardLook
from chimera.wiring.api import PAGES
from chimera_protocol.errors import Invalid


def test_no_two_rooms_have_a_template_of_the_same_name() -> None:
    names: Counter[str] = Counter()
    for package in {"chimera.board", *(each.package for each in PAGES)}:
        folder = resources.files(package).joinpath("templates")
        inside = [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("__")]
        names.update(one.name for one in folder.iterdir() if one.name.endswith(".html"))
        names.update(f"{within.name}/{one.name}" for within in inside for one in within.iterdir())
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_rooms_have_a_page_a_form_or_a_region_of_the_same_name() -> None:
    names = Counter(path for each in PAGES for path, _ in each.reading)
    names.update(f"POST {path}" for each in PAGES for path, _, _ in each.acting)
    names.update(f"region {name}" for each in PAGES for name in each.regions)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_region_of_every_page_is_drawn_by_a_room() -> None:
    renderer = Renderer(Services(), PAGES)
    assert {"plain", "fleet", "approvals", "campaign", "task"} == set(renderer.views)
    for view in renderer.views:
        assert renderer.regions(view, "", frozenset())[:2] == renderer.regions("plain", "", frozenset())


def test_a_page_that_there_is_not_is_refused() -> None:
    with pytest.raises(Invalid, match="there is no page cellar"):
        Renderer(Services(), PAGES).regions("cellar", "", frozenset())


async def test_one_look_reads_once() -> None:
    read: list[UUID] = []

    async def counted(look: BoardLook) -> int:
        read.append(look.tenant_id)
        return len(read)

    look = BoardLook(Services(), UUID(int=1), frozenset())
    assert (await look.once(counted), await look.once(counted)) == (1, 1)
