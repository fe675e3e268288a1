"""One drawing for all viewers of a tenant, sent when it has changed, and an end to every stream."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Set
from uuid import UUID, uuid4

import pytest
from markupsafe import Markup

from chimera.board import live
from chimera.board.live import LiveUpdates, Region, Viewer, event
from chimera.board.rendering import Renderer
from chimera.errors import Unavailable
from chimera.wiring import System
from chimera.wiring.api import PAGES, offered

TENANT = UUID(int=1)
A, B = Region("tally"), Region("status")


class Scene:
    """Something to look at: it changes when a test changes it, and counts who looks."""

    def __init__(self) -> None:
        self.shown = {A: Markup("one"), B: Markup("fine")}
        self.looks: list[tuple[UUID, Set[Region]]] = []
        self.down = False
        self.looked = asyncio.Event()

    async def draw(self, tenant_id: UUID, wanted: Set[Region]) -> Mapping[Region, Markup]:
        self.looks.append((tenant_id, wanted))
        self.looked.set()
        if self.down:
            raise Unavailable("PostgreSQL cannot be reached")
        return {each: self.shown[each] for each in wanted if each in self.shown}

    async def next_look(self) -> None:
        """Until it has been looked at, and what was seen has been passed on."""
        for _ in range(2):
            self.looked.clear()
            await asyncio.wait_for(self.looked.wait(), 5)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
async def house(scene: Scene) -> AsyncIterator[LiveUpdates]:
    made = LiveUpdates(scene.draw, pause=0, beat=3_600, most=3)
    yield made
    await made.close()


async def news(viewer: Viewer) -> Mapping[Region, Markup] | None:
    return await asyncio.wait_for(viewer.next(), 5)


async def test_two_viewers_share_one_drawing(scene: Scene, house: LiveUpdates) -> None:
    first, second = house.join(TENANT, [A, B]), house.join(TENANT, [A])
    assert await news(first) == {A: "one", B: "fine"}
    assert await news(second) == {A: "one"}
    scene.shown[A] = Markup("two")
    told = await asyncio.gather(news(first), news(second))
    assert told[0] == told[1] == {A: "two"}
    assert told[0] is not None
    assert told[1] is not None
    assert told[0][A] is told[1][A], "the very same drawing"
    assert all(wanted == {A, B} for _, wanted in scene.looks)


async def test_what_has_not_changed_is_not_sent(scene: Scene, house: LiveUpdates) -> None:
    viewer = house.join(TENANT, [A, B])
    await news(viewer)
    waiting = asyncio.create_task(viewer.next())
    await scene.next_look()
    assert not waiting.done()
    scene.shown[B] = Markup("red")
    assert await asyncio.wait_for(waiting, 5) == {B: "red"}


async def test_a_late_viewer_is_shown_everything(scene: Scene, house: LiveUpdates) -> None:
    await news(house.join(TENANT, [A]))
    assert await news(house.join(TENANT, [A, B])) == {A: "one", B: "fine"}


async def test_a_slow_viewer_gets_the_newest_and_no_heap(scene: Scene, house: LiveUpdates) -> None:
    viewer = house.join(TENANT, [A])
    for number in range(5):
        scene.shown[A] = Markup(number)
        await scene.next_look()
    assert await news(viewer) == {A: "4"}


async def test_silence_is_broken_by_signs_of_life(scene: Scene) -> None:
    lively = LiveUpdates(scene.draw, pause=0, beat=0)
    viewer = lively.join(TENANT, [A])
    assert await news(viewer) == {A: "one"}
    assert await news(viewer) == {}
    await lively.close()


async def test_without_the_database_there_is_no_sign_of_life_and_afterwards_there_is(scene: Scene) -> None:
    lively = LiveUpdates(scene.draw, pause=0, beat=0)
    scene.down = True
    viewer = lively.join(TENANT, [A])
    await scene.next_look()
    waiting = asyncio.create_task(viewer.next())
    await scene.next_look()
    assert not waiting.done(), "old news must not look fresh"
    scene.down = False
    assert await asyncio.wait_for(waiting, 5) == {A: "one"}
    await lively.close()


async def test_tenants_are_drawn_apart(scene: Scene, house: LiveUpdates) -> None:
    other = UUID(int=2)
    await asyncio.gather(news(house.join(TENANT, [A])), news(house.join(other, [B])))
    assert {(tenant, *wanted) for tenant, wanted in scene.looks} == {(TENANT, A), (other, B)}


async def test_there_is_room_for_so_many_and_again_when_one_has_left(scene: Scene, house: LiveUpdates) -> None:
    viewers = [house.join(TENANT, [A]) for _ in range(3)]
    with pytest.raises(Unavailable):
        house.join(TENANT, [A])
    house.join(uuid4(), [A])
    house.leave(TENANT, viewers[0])
    house.leave(TENANT, viewers[0])
    await news(house.join(TENANT, [A]))


async def test_nobody_draws_for_an_empty_house(scene: Scene, house: LiveUpdates) -> None:
    stream = house.stream(TENANT, [A])
    first = await asyncio.wait_for(anext(stream), 5)
    assert "one" in str(first.data)
    task = house._tasks[TENANT]
    await stream.aclose()
    await asyncio.wait_for(task, 5)
    assert (house._tasks, house._houses) == ({}, {})


async def test_streams_end_when_the_server_leaves(scene: Scene, house: LiveUpdates) -> None:
    stream = house.stream(TENANT, [A])
    await asyncio.wait_for(anext(stream), 5)
    await house.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), 5)
    with pytest.raises(Unavailable):
        house.join(TENANT, [A])


async def test_a_stream_ends_after_its_time_so_that_the_key_is_looked_at_again(
    scene: Scene, house: LiveUpdates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LIFE", 0.0)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(house.stream(TENANT, [A])), 5)
    assert not house._houses.get(TENANT)


async def test_a_drawing_that_breaks_ends_the_streams_and_leaves_nothing_behind() -> None:
    async def broken(tenant_id: UUID, wanted: Set[Region]) -> Mapping[Region, Markup]:
        raise ValueError("a fault of ours")

    house = LiveUpdates(broken, pause=0)
    viewer = house.join(TENANT, [A])
    task = house._tasks[TENANT]
    assert await news(viewer) is None
    with pytest.raises(ValueError, match="a fault of ours"):
        await task
    assert house._houses == {}


def test_an_event_puts_a_region_in_its_place_and_a_beat_is_named() -> None:
    told = event({A: Markup("<p>one</p>\n<p>two</p>")}).encode().decode()
    assert told.startswith('data: <hx-partial hx-target="#r-tally" hx-swap="innerMorph"><p>one</p>\r\ndata: <p>two</p>')
    assert event({}).encode() == b"event: beat\r\ndata: \r\n\r\n"


def test_rights_part_viewers_only_where_there_are_buttons(system: System) -> None:
    regions = Renderer(offered(system), PAGES).regions
    operator = regions("approvals", "", frozenset({"review", "operate", "author"}))
    reviewer = regions("approvals", "", frozenset({"review"}))
    auditor = regions("approvals", "", frozenset())
    shared = {Region(name, may=frozenset({"review"})) for name in ("questions", "desk")}
    assert set(operator) & set(reviewer) == {Region("status"), *shared}
    assert set(reviewer) & set(auditor) == {Region("status"), Region("banner"), Region("dead_letters")}


async def test_the_renderer_draws_every_page_of_an_empty_tenant(system: System) -> None:
    tenant_id = await system.accounts.open_tenant("empty")
    renderer = Renderer(offered(system), PAGES)
    for page in ("plain", "fleet", "approvals"):
        wanted = frozenset(renderer.regions(page, "", frozenset({"review"})))
        drawn = await renderer.draw(tenant_id, wanted)
        assert {each.region for each in drawn} == set(renderer.views[page])
        assert drawn == await renderer.draw(tenant_id, wanted), "the same state is the same drawing"


@pytest.mark.parametrize("page", ["task", "campaign"])
@pytest.mark.parametrize("of", [str(UUID(int=7)), "no-id", ""])
async def test_what_does_not_exist_is_left_out_and_the_rest_is_drawn(system: System, page: str, of: str) -> None:
    tenant_id = await system.accounts.open_tenant("empty")
    renderer = Renderer(offered(system), PAGES)
    drawn = await renderer.draw(tenant_id, frozenset(renderer.regions(page, of, frozenset())))
    assert {each.region for each in drawn} == {"status", "banner"}
