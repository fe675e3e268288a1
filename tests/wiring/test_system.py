"""The wiring: what is put together, what is said when it cannot be, what it does without Redis."""

import pytest

from chimera.database.outbox import QueueItem
from chimera.errors import QueueFull
from chimera.ids import new_id
from chimera.redis.outbox import QueueOutbox
from chimera.settings import Settings
from chimera.tasks.service.admission import Admission
from chimera.values import Priority, Stage
from chimera.wiring import System
from chimera.wiring.api import offered
from chimera_protocol.errors import Invalid

NOWHERE = "redis://127.0.0.1:1/0"


async def test_a_system_without_addresses_is_refused_with_the_way_out() -> None:
    with pytest.raises(Invalid, match="CHIMERA_DATABASE_URL"):
        System(Settings())


def items(count: int) -> list[QueueItem]:
    return [QueueItem(id=new_id(), tenant_id=new_id(), agent_id=new_id(), priority=Priority.LOW) for _ in range(count)]


async def test_what_cannot_be_queued_without_redis_is_left_to_the_sweeper(settings: Settings) -> None:
    system = System(settings.model_copy(update={"redis_url": NOWHERE}))
    await QueueOutbox(system.queue).deliver({Stage.WORK: items(1)})
    await offered(system).get(Admission).check_capacity(Stage.WORK)
    await system.close()


async def test_a_queue_at_its_bound_takes_no_more(settings: Settings) -> None:
    system = System(settings.model_copy(update={"queue_bound": 3}))
    await QueueOutbox(system.queue).deliver({Stage.WORK: items(2)})
    await offered(system).get(Admission).check_capacity(Stage.WORK)
    await QueueOutbox(system.queue).deliver({Stage.WORK: items(1)})
    with pytest.raises(QueueFull, match="the bound is 3"):
        await offered(system).get(Admission).check_capacity(Stage.WORK)
    await offered(system).get(Admission).check_capacity(Stage.JUDGE)
    await system.close()


async def test_the_tools_of_the_roles_cannot_act(system: System) -> None:
    with pytest.raises(Invalid, match="only a granted effect"):
        await system.tools.call("twitter-mcp", "post_tweet", {})


async def test_parts_are_made_once_and_the_key_is_kept_in_the_state_folder(system: System) -> None:
    assert system.signer is system.signer
    assert system.host is system.host
    assert (system.settings.state / "keys" / "provenance.pem").exists()
