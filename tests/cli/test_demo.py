"""The demo's own judgement: it must notice when something does not add up."""

import asyncio
from pathlib import Path

import pytest

from chimera.cli.demo import Demo
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System
from chimera.wiring.roles import serve
from chimera_protocol.errors import Invalid

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def ready(settings: Settings) -> Settings:
    return settings.model_copy(update={"feeds": EXAMPLES / "feeds" / "feeds.yaml"})


async def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The demo with all roles in this process, to its end."""
    system = System(settings)
    await system.open()
    stopping = asyncio.Event()
    roles = asyncio.create_task(serve(system, list(Role), stopping))
    try:
        code = await asyncio.wait_for(Demo(system, EXAMPLES, "http://board").run(asyncio.Event(), once=True), 120)
    finally:
        stopping.set()
        await roles
        await system.close()
    return code, capsys.readouterr().out


async def test_it_ends_well_and_the_second_time_goes_on_where_it_was(
    ready: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = await run(ready, capsys)
    assert code == 0, told
    assert "spends refused (403)" in told

    again, told = await run(ready, capsys)
    assert again == 0, told
    assert "goes on where it was: finished" in told


async def test_a_post_that_is_in_no_books_is_noticed(ready: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    system = System(ready)
    forged = {"account": "TechInfluencer", "text": "Buy now!", "idempotency_key": "forged"}
    await system.host.call("twitter-mcp", "post_tweet", forged)
    await system.close()

    code, told = await run(ready, capsys)

    assert code == 1
    assert "in no books" in told


async def test_examples_that_cannot_be_read_are_named(system: System, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"fleet\.yaml"):
        await Demo(system, tmp_path, "").run(asyncio.Event(), once=True)
