"""What a transaction makes due is queued once it is durable, and only then."""

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from chimera.database.outbox import QueueItem
from chimera.database.postgres import Access, Database
from chimera.ids import new_id
from chimera.values import Priority, Stage

ITEM = QueueItem(id=new_id(), tenant_id=new_id(), agent_id=new_id(), priority=Priority.LOW)


class Recorder:
    """Keeps what it was given, and who was still in a transaction then."""

    def __init__(self) -> None:
        self.due: list[Mapping[Stage, Sequence[QueueItem]]] = []

    async def deliver(self, due: Mapping[Stage, Sequence[QueueItem]]) -> None:
        self.due.append(due)


@pytest.fixture
def outbox() -> Recorder:
    return Recorder()


@pytest.fixture
async def database(database_url: str, outbox: Recorder) -> AsyncIterator[Database]:
    database = Database(database_url, Access.SWARM, size=2, outbox=outbox)
    await database.open()
    yield database
    await database.close()


async def test_a_commit_is_followed_by_what_it_enqueued(database: Database, outbox: Recorder) -> None:
    async with database.transaction() as connection:
        connection.enqueue(Stage.WORK, [ITEM])
        connection.enqueue(Stage.PLAN, [])
        assert outbox.due == []
    assert outbox.due == [{Stage.WORK: [ITEM]}]


async def test_a_rollback_queues_nothing(database: Database, outbox: Recorder) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as connection:
            connection.enqueue(Stage.WORK, [ITEM])
            raise ZeroDivisionError
    assert outbox.due == []


async def test_a_single_statement_is_followed_by_what_it_enqueued(database: Database, outbox: Recorder) -> None:
    async with database.connection() as connection:
        await connection.execute("SELECT 1")
        connection.enqueue(Stage.JUDGE, [ITEM, ITEM])
    assert outbox.due == [{Stage.JUDGE: [ITEM, ITEM]}]


async def test_where_nothing_is_enqueued_nobody_is_asked(database: Database, outbox: Recorder) -> None:
    async with database.transaction():
        pass
    assert outbox.due == []
