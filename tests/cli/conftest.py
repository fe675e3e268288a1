"""Chimera served on a real port, as the remote commands find it."""

from collections.abc import AsyncIterator

import pytest

from chimera.cli.serving import open_door, serving
from chimera.settings import Settings
from chimera.wiring import System


@pytest.fixture
async def served(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    """A served system of its own: the application opens and closes it."""
    system = System(settings)
    settings.state.mkdir(parents=True, exist_ok=True)
    async with serving(system, "127.0.0.1", 0) as url:
        await open_door(system, url)
        monkeypatch.setenv("CHIMERA_STATE", str(settings.state))
        yield system
