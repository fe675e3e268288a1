"""A server ends with the process that it was told to end with."""

import asyncio
import os
import sys

import pytest

from chimera_serving import lifetime


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "LOOK_SECONDS", 0.01)


async def stays() -> bool:
    try:
        async with asyncio.timeout(0.1):
            await lifetime.parent_gone()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("named", ["", "rubbish", str(os.getppid()), str(os.getpid()), "1"], ids=range(5))
async def test_it_stays_while_the_parent_lives_or_none_is_named(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv(lifetime.PARENT, named)
    assert await stays()


async def test_it_goes_when_a_parent_further_up_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await gone.wait()
    monkeypatch.setenv(lifetime.PARENT, str(gone.pid))
    assert not await stays()


async def test_it_goes_when_its_own_parent_is_another_one_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lifetime.PARENT, str(os.getpid()))
    parents = iter([os.getpid(), os.getpid(), 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    assert not await stays()


async def test_a_signal_sets_the_event() -> None:
    stopping = lifetime.stop_on_signals()
    os.kill(os.getpid(), 15)
    async with asyncio.timeout(2):
        await stopping.wait()
    for number in (2, 15):
        asyncio.get_running_loop().remove_signal_handler(number)
