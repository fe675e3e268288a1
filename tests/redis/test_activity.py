"""The pulse: who thinks about what, right now, and nothing that is older (DAT-3)."""

from typing import Any

from chimera.ids import new_id
from chimera.redis.activity import RedisActivity
from chimera.values import Role


async def test_busy_influencers_show_what_they_do_and_others_are_missing(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    await house.system.pulse.thinking(task, Role.WORKER)
    busy = await house.system.pulse.busy([house.nora.agent_id, new_id()])
    assert busy == {house.nora.agent_id: {"role": "worker", "goal": "do a", "task": str(task.task_id)}}
    await house.system.pulse.thinking(task, Role.JUDGE)
    assert (await house.system.pulse.busy([house.nora.agent_id]))[house.nora.agent_id]["role"] == "judge"
    assert await house.system.pulse.busy([]) == {}


async def test_a_thought_is_forgotten_by_itself(house: Any) -> None:
    made = await house.running()
    await house.system.pulse.thinking(await house.claim(made["a"]), Role.WORKER)
    keys = [key async for key in house.system.redis.scan_iter("chimera:pulse:*")]
    assert len(keys) == 1
    assert 0 < await house.system.redis.ttl(keys[0]) <= 5
    await house.system.redis.delete(*keys)
    assert await RedisActivity(house.system.redis).busy([house.nora.agent_id]) == {}
