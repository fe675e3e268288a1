"""What must be true when a storm is over, read past the code that keeps it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.journeys.fleet import Fleet, promotions
from tests.money.proofs import proven

from chimera.provenance.rules.hashes import content_hash
from chimera.wiring import EFFECT_OVER, TASK_OVER

UNFINISHED = """
SELECT 'task' AS what, execution_id AS name, kind, status, attempt, tries, cause, claimed_by, due_at, updated_at
FROM task WHERE status <> ALL($1::text[])
UNION ALL
SELECT 'effect', effect_id::text, tool, status, attempt, tries, cause, claimed_by, due_at, updated_at
FROM effect WHERE status <> ALL($2::text[])
UNION ALL
SELECT 'campaign', campaign_id::text, '', status, 0, 0, NULL, NULL, NULL, NULL
FROM campaign WHERE NOT standing AND status NOT IN ('finished', 'cancelled')
LIMIT 20
"""
EFFECTS = """
SELECT e.effect_id, e.task_id, e.asset_id, e.status, e.tool, e.server, e.cause, e.idempotency_key, e.receipt, e.tries,
    e.arguments ->> 'account' AS account, a.parts, v.content_hash, v.published_at, t.status AS task_status,
    p.external_ids, p.url, g.log_id, r.status AS reservation,
    (SELECT count(*) FROM publication n WHERE n.effect_id = e.effect_id) AS publications,
    (SELECT count(*) FROM verdict d WHERE d.task_id = e.task_id AND d.decision = 'approve'
        AND d.content_hash = v.content_hash) AS approvals,
    (SELECT array_agg(x.actor || ' ' || x.action) FROM audit_event x WHERE x.subject = e.task_id::text) AS trail
FROM effect e JOIN asset a USING (asset_id) JOIN provenance v USING (asset_id) JOIN task t ON t.task_id = e.task_id
LEFT JOIN publication p ON p.effect_id = e.effect_id LEFT JOIN generation_log g ON g.asset_id = e.asset_id
LEFT JOIN reservation r ON r.reservation_id = e.reservation_id
"""
TASKS = """
SELECT t.task_id, t.execution_id, t.kind, t.status, t.attempt, t.cause,
    (SELECT count(*) FROM execution x WHERE x.task_id = t.task_id) AS executions,
    (SELECT count(*) FROM verdict v WHERE v.task_id = t.task_id) AS verdicts,
    (SELECT count(*) FROM effect e WHERE e.task_id = t.task_id) AS effects,
    (SELECT count(*) FROM asset a WHERE a.task_id = t.task_id) AS assets,
    (SELECT array_agg(action) FROM audit_event x WHERE x.subject = t.task_id::text) AS trail
FROM task t
"""
HELD = """
SELECT reservation_id, category, currency, status, amount, doubt FROM reservation
WHERE status = 'pending' AND category <> 'compute'
"""
ORDER = "order-"
"""How what comes from outside is called."""
Row = Any


async def unfinished(connection: Any) -> Sequence[Row]:
    """What still has something ahead of it."""
    return [dict(row) for row in await connection.fetch(UNFINISHED, sorted(TASK_OVER), sorted(EFFECT_OVER))]


async def network_posts(fleet: Fleet) -> dict[str, Row]:
    """Every post of the fleet's on the network, by id."""
    found: dict[str, Row] = {}
    after: str | None = None
    while True:
        page = (await fleet.system.host.call("twitter-mcp", "list_posts", {"limit": 500, "after": after})).data
        assert isinstance(page["posts"], list)
        for post in page["posts"]:
            if not post["by_audience"]:
                assert post["id"] not in found
                found[post["id"]] = post
        if page["next_after"] is None:
            return found
        after = page["next_after"]


def tasks_are_whole(tasks: Sequence[Row]) -> None:
    """Every task rests, has what its state says, and the trail tells how it got there."""
    for task in tasks:
        trail = Counter(task["trail"] or [])
        assert task["status"] in TASK_OVER, dict(task)
        if task["execution_id"].startswith(ORDER):
            assert trail["task.dispatched"] == 1, dict(task)
        if task["kind"] in ("create", "spend") and task["status"] in ("completed", "rejected"):
            assert (task["executions"], task["verdicts"]) == (1, 1), dict(task)
            assert trail[f"task.{task['status']}"] == 1, dict(task)
        if task["kind"] in ("create", "spend") and task["status"] == "completed":
            assert (task["assets"], task["effects"]) == (1, 1), dict(task)
        if task["status"] != "completed":
            assert (task["assets"], task["effects"]) == (0, 0), dict(task)
        if task["status"] in ("dead_letter", "failed"):
            assert task["cause"], dict(task)
            assert trail[f"task.{task['status']}"] == 1, dict(task)


def effects_are_published_once(effects: Sequence[Row], posts: dict[str, Row]) -> None:
    """What was approved and done is on the network exactly once, as approved, and nothing else is."""
    claimed: Counter[str] = Counter()
    for effect in effects:
        told = dict(effect)
        assert effect["approvals"] == 1 and effect["content_hash"] == content_hash(effect["parts"]), told
        assert effect["task_status"] == "completed" and effect["log_id"] is not None, told
        trail = Counter(effect["trail"])
        if effect["status"] == "failed":
            assert effect["publications"] == 0 and effect["cause"], told
            assert trail["publisher effect.failed"] == 1, told
            continue
        assert effect["status"] in ("done", "reconciled"), told
        assert effect["publications"] == 1 and effect["published_at"] is not None and effect["receipt"], told
        assert trail[f"publisher effect.{effect['status']}"] == 1, told
        if effect["tool"] == "promote_tweet":
            assert effect["reservation"] == "posted", told
            continue
        texts = [posts[number]["text"] for number in effect["external_ids"]]
        assert texts == effect["parts"], (told, texts)
        assert {posts[number]["author"] for number in effect["external_ids"]} == {effect["account"]}, told
        claimed.update(effect["external_ids"])
    assert claimed == Counter(posts.keys()), {
        "twice or unknown": claimed - Counter(posts.keys()),
        "nobody's": Counter(posts.keys()) - claimed,
    }


async def failed_ones_are_not_out(fleet: Fleet, effects: Sequence[Row]) -> None:
    """What counts as failed did not happen."""
    for effect in effects:
        if effect["status"] == "failed":
            wanted = {"account": effect["account"], "idempotency_key": effect["idempotency_key"]}
            found = await fleet.system.host.call("twitter-mcp", "find_by_idempotency_key", wanted)
            assert not found.data["found"], dict(effect)


async def all_is_true(fleet: Fleet, at_least: int) -> dict[str, Any]:
    """Check everything; what there was to check."""
    assert fleet.raw is not None
    assert await unfinished(fleet.raw) == []
    tasks, effects = await fleet.raw.fetch(TASKS), await fleet.raw.fetch(EFFECTS)
    assert len(tasks) >= at_least
    tasks_are_whole(tasks)
    posts = await network_posts(fleet)
    effects_are_published_once(effects, posts)
    await failed_ones_are_not_out(fleet, effects)
    promoted = [row for row in effects if row["tool"] == "promote_tweet" and row["status"] != "failed"]
    paid = [amount for name in {row["account"] for row in promoted} for amount in promotions_of(fleet, name)]
    assert len(paid) == len(promoted)
    books = await proven(fleet.raw, fleet.tenant_id)
    assert [dict(row) for row in await fleet.raw.fetch(HELD)] == []
    given_up = [row for row in [*tasks, *effects] if row["status"] in ("failed", "dead_letter")]
    return {
        "tasks": Counter(f"{row['kind']} {row['status']}" for row in tasks),
        "again": sum(row["attempt"] > 2 for row in tasks),
        "effects": Counter(row["status"] for row in effects),
        "causes": Counter(row["cause"][:80] for row in given_up),
        "posts": len(posts),
        "threads": sum(row["tool"] == "create_thread" and row["status"] != "failed" for row in effects),
        "reservations": Counter(f"{row['status']}{' doubted' * row['doubted']}" for row in books.states),
    }


def promotions_of(fleet: Fleet, account: str) -> list[str]:
    """What the network was paid for an account."""
    return promotions(fleet.system.settings.state / "social.db", account)
