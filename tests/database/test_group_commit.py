"""Group commit: writes share a transaction, and nobody pays for a neighbour's mistake."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from chimera.database.group_commit import GroupCommit


class Disk:
    """Keeps what it is given, group by group; a write waits at the gate while that is closed."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.entered = asyncio.Event()

    async def flush(self, items: Sequence[str]) -> Sequence[str]:
        self.groups.append(list(items))
        self.entered.set()
        await self.open.wait()
        if any(item.startswith("bad") for item in items):
            raise asyncpg.CheckViolationError("bad row")
        if "lost" in items:
            raise ConnectionError("the server is away")
        return [item.upper() for item in items]


async def busy(disk: Disk, write: GroupCommit[str, str]) -> asyncio.Task[str]:
    """A first write that is held up in the disk."""
    disk.open.clear()
    first = asyncio.create_task(write("first"))
    await asyncio.wait_for(disk.entered.wait(), 5)
    return first


async def test_a_lone_write_goes_at_once() -> None:
    disk = Disk()
    assert await GroupCommit(disk.flush)("a") == "A"
    assert disk.groups == [["a"]]


async def test_writes_that_arrive_during_a_flush_share_the_next_one() -> None:
    disk = Disk()
    write = GroupCommit(disk.flush)
    first = await busy(disk, write)
    crowd = [asyncio.create_task(write(f"row {number}")) for number in range(20)]
    await asyncio.sleep(0)
    disk.open.set()
    assert await asyncio.gather(first, *crowd) == ["FIRST", *(f"ROW {number}" for number in range(20))]
    assert [len(group) for group in disk.groups] == [1, 20]


async def test_a_group_is_bounded() -> None:
    disk = Disk()
    write = GroupCommit(disk.flush, limit=3)
    await asyncio.gather(*(write(str(number)) for number in range(8)))
    assert [len(group) for group in disk.groups] == [3, 3, 2]


async def test_a_bad_row_does_not_take_its_neighbours_down() -> None:
    disk = Disk()
    write = GroupCommit(disk.flush)
    writes = asyncio.gather(*(write(item) for item in ("a", "bad", "b")), return_exceptions=True)
    answers = await asyncio.wait_for(writes, 5)
    assert (answers[0], answers[2]) == ("A", "B")
    assert isinstance(answers[1], asyncpg.CheckViolationError)


async def test_a_lost_server_is_everybodys_error_and_is_not_asked_again_for_each() -> None:
    disk = Disk()
    write = GroupCommit(disk.flush)
    answers = await asyncio.gather(*(write(item) for item in ("a", "lost", "b")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError] * 3
    assert len(disk.groups) == 1
    assert await write("later") == "LATER"


async def test_a_caller_that_leaves_does_not_stop_the_write_of_the_others() -> None:
    disk = Disk()
    write = GroupCommit(disk.flush)
    first = await busy(disk, write)
    leaving, staying = asyncio.create_task(write("leaving")), asyncio.create_task(write("staying"))
    await asyncio.sleep(0)
    first.cancel()
    leaving.cancel()
    disk.open.set()
    assert await asyncio.wait_for(staying, 5) == "STAYING"
    with pytest.raises(asyncio.CancelledError):
        await leaving
