"""Dead letters: explained, replayed within bounds after a rest, or closed for good (ORC-11)."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.tasks.test_service import ME, audited, dispatch

from chimera.errors import Conflict
from chimera.tasks.service.dispatch import TaskService
from chimera.values import TaskStatus


async def buried(house: Any, execution_id: str = "job-1", cause: str = "rubbish") -> UUID:
    task_id = await dispatch(house, execution_id)
    await house.system.work.dead_letter(await house.claim(task_id), TaskStatus.DEAD_LETTER, cause)
    return task_id


async def test_a_dead_letter_rests_before_its_next_life_and_longer_each_time(house: Any) -> None:
    task_id = await buried(house)
    desk = TaskService(house.system.tenants, cool_down_seconds=60)
    for minutes in (1, 4, 16):
        with pytest.raises(Conflict, match="rests") as caught:
            await desk.replay(house.tenant_id, task_id, ME)
        (letter,) = (await desk.dead_letters(house.tenant_id, 10)).items
        assert letter.replayable_at == letter.buried_at + timedelta(minutes=minutes)
        assert caught.value.fields["replayable_at"] == letter.replayable_at.isoformat()
        assert await house.status(task_id) == "dead_letter"
        await house.raw.execute("UPDATE task SET buried_at = buried_at - make_interval(mins => $1)", minutes)
        await desk.replay(house.tenant_id, task_id, ME)
        await house.system.work.dead_letter(await house.claim(task_id), TaskStatus.DEAD_LETTER, "rubbish")


async def test_a_dead_letter_has_a_bounded_number_of_lives(house: Any) -> None:
    task_id = await buried(house)
    for left in (2, 1, 0):
        await house.system.desk.replay(house.tenant_id, task_id, ME)
        assert (await house.system.desk.dead_letters(house.tenant_id, 10)).items == []
        await house.system.work.dead_letter(await house.claim(task_id), TaskStatus.DEAD_LETTER, "rubbish")
        (letter,) = (await house.system.desk.dead_letters(house.tenant_id, 10)).items
        assert (letter.lives_left, letter.replays, letter.replayable_at is None) == (left, 3 - left, left == 0)
    with pytest.raises(Conflict, match="has had its 3 lives") as caught:
        await house.system.desk.replay(house.tenant_id, task_id, ME)
    assert caught.value.fields == {"replays": 3}
    assert await house.status(task_id) == "dead_letter"
    assert await audited(house, "task.replayed") == 3


async def test_one_life_is_given_once_however_many_ask_for_it(house: Any) -> None:
    task_id = await buried(house)
    calls = (house.system.desk.replay(house.tenant_id, task_id, ME) for _ in range(6))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    assert await house.value("SELECT replays FROM task") == await audited(house, "task.replayed") == 1


async def test_dead_letters_are_listed_with_all_that_explains_them_the_newest_first(
    house: Any, other_tenant: Any
) -> None:
    made = [await buried(house, f"job-{number}", f"cause {number}") for number in range(3)]
    letters = (await house.system.desk.dead_letters(house.tenant_id, 10)).items
    assert [letter.task_id for letter in letters] == made[::-1]
    letter = letters[0]
    assert (letter.execution_id, letter.persona, letter.goal, letter.cause) == ("job-2", "Nora", "greet", "cause 2")
    assert (letter.agent_id, letter.campaign_id) == (house.nora.agent_id, house.nora.campaign_id)
    assert (letter.attempt, letter.replays, letter.lives_left, letter.campaign) == (1, 0, 3, "Direct tasks")
    first = await house.system.desk.dead_letters(house.tenant_id, 2)
    assert (len(first.items), first.next) == (2, made[1])
    rest = await house.system.desk.dead_letters(house.tenant_id, 2, first.next)
    assert ([letter.task_id for letter in rest.items], rest.next) == ([made[0]], None)
    assert (await house.system.desk.dead_letters(other_tenant[0], 10)).items == []


async def test_a_dead_letter_is_closed_for_good_with_the_reason(house: Any) -> None:
    task_id = await buried(house)
    await house.system.desk.cancel(house.tenant_id, task_id, ME, "nobody misses it")
    assert await house.status(task_id) == "cancelled"
    assert await house.value("SELECT cause FROM task") == f"cancelled by {ME}: nobody misses it"
    assert (await house.system.desk.dead_letters(house.tenant_id, 10)).items == []
    body = await house.value("SELECT body::text FROM audit_event WHERE action = 'task.cancelled'")
    assert json.loads(body) == {"reason": "nobody misses it"}
    with pytest.raises(Conflict, match="is cancelled cannot be replayed"):
        await house.system.desk.replay(house.tenant_id, task_id, ME)


async def test_a_dead_letter_that_was_buried_before_there_were_cool_downs_can_be_replayed(house: Any) -> None:
    task_id = await buried(house)
    await house.raw.execute("UPDATE task SET buried_at = NULL, updated_at = now() - interval '1 day'")
    desk = TaskService(house.system.tenants, cool_down_seconds=60)
    assert len((await desk.dead_letters(house.tenant_id, 10)).items) == 1
    await desk.replay(house.tenant_id, task_id, ME)
    assert await house.status(task_id) == "queued"
