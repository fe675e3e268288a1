"""What influencers remember: their own memories, by words, within one tenant (MEM-1, MEM-4)."""

from typing import Any
from uuid import UUID

import pytest

from chimera.ids import new_id


async def remember(house: Any, text: str, tenant_id: UUID | None = None, agent_id: UUID | None = None) -> None:
    insert = (
        "INSERT INTO memory (memory_id, tenant_id, agent_id, origin, text, source)"
        " VALUES ($1, $2, $3, 'own', $4, $1::uuid::text)"
    )
    owner = (tenant_id or house.tenant_id, agent_id or house.nora.agent_id)
    await house.raw.execute(insert, new_id(), *owner, text)


async def test_memories_that_share_words_are_recalled_best_first(house: Any) -> None:
    for text in ("Meteors fall in winter", "Winter meteor shower tonight: meteors!", "Bread rises slowly"):
        await remember(house, text)
    found = await house.system.memory.recall(house.tenant_id, house.nora.agent_id, "meteor showers of winter", 5)
    assert found == ["Winter meteor shower tonight: meteors!", "Meteors fall in winter"]


async def test_the_newest_of_equals_comes_first_and_no_more_than_asked_for(house: Any) -> None:
    for number in range(5):
        await remember(house, f"Old light number{number}")
    found = await house.system.memory.recall(house.tenant_id, house.nora.agent_id, "light", 2)
    assert found == ["Old light number4", "Old light number3"]


async def test_nobody_recalls_what_another_tenant_or_influencer_remembers(house: Any, other_tenant: Any) -> None:
    await remember(house, "The secret is light")
    recall = house.system.memory.recall
    assert await recall(other_tenant[0], other_tenant[1].agent_id, "light", 5) == []
    assert await recall(other_tenant[0], house.nora.agent_id, "light", 5) == []
    assert await recall(house.tenant_id, other_tenant[1].agent_id, "light", 5) == []
    assert len(await recall(house.tenant_id, house.nora.agent_id, "light", 5)) == 1


async def test_no_subject_however_odd_breaks_the_search(house: Any) -> None:
    await remember(house, "Old light")
    for about in (
        "",
        "?!",
        "a",
        "the and of",
        "' OR 1=1 --",
        'light" -old',
        "x" * 5_000,
        "light & | ! ( :*",
        "光 " * 50,
    ):
        found = await house.system.memory.recall(house.tenant_id, house.nora.agent_id, about, 5)
        assert set(found) <= {"Old light"}


@pytest.mark.parametrize("times", [2])
async def test_what_was_published_is_remembered_once(house: Any, times: int) -> None:
    made = await house.running(*(house.node(f"n{number}") for number in range(times)))
    for task_id in made.tasks.values():
        effect = await house.begin(await house.approved(task_id, "Saturn has rings."))
        await house.system.effects.finish(effect, house.receipt())
    found = await house.system.memory.recall(house.tenant_id, house.nora.agent_id, "saturn", 5)
    assert found == ["I published: Saturn has rings."] * times
