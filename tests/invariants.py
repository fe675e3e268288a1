"""What must hold of a campaign at any moment of its life, read past the code that keeps it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from chimera import lifecycle
from chimera.provenance.rules.hashes import content_hash
from chimera.values import CampaignStatus, EffectStatus, TaskStatus

WATCH = """
CREATE TABLE move (number bigserial PRIMARY KEY, tenant_id uuid, what text, id uuid, before text, after text,
    attempt_before int, attempt_after int);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE old_row jsonb := to_jsonb(OLD); new_row jsonb := to_jsonb(NEW);
BEGIN
    IF TG_OP = 'INSERT' OR old_row ->> 'status' <> new_row ->> 'status'
        OR coalesce(old_row ->> 'attempt', '') <> coalesce(new_row ->> 'attempt', '') THEN
        INSERT INTO move (tenant_id, what, id, before, after, attempt_before, attempt_after)
        VALUES (NEW.tenant_id, TG_TABLE_NAME, (new_row ->> (TG_TABLE_NAME || '_id'))::uuid, old_row ->> 'status',
            new_row ->> 'status', (old_row ->> 'attempt')::int, (new_row ->> 'attempt')::int);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON task FOR EACH ROW EXECUTE FUNCTION note_move();
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON effect FOR EACH ROW EXECUTE FUNCTION note_move();
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON campaign FOR EACH ROW EXECUTE FUNCTION note_move();
"""
"""Keeps every move of every task, effect and campaign."""

MOVES = "SELECT * FROM move WHERE number > $1 AND tenant_id = $2 ORDER BY number"
BORN: Mapping[str, frozenset[StrEnum]] = {
    "task": frozenset({TaskStatus.PENDING, TaskStatus.QUEUED}),
    "effect": frozenset({EffectStatus.AUTHORISED}),
    "campaign": frozenset({CampaignStatus.DRAFT, CampaignStatus.RUNNING}),
}
TABLES: Mapping[str, Mapping[str, frozenset[StrEnum]]] = {
    "task": {str(state): frozenset[StrEnum](after) for state, after in lifecycle.TASK_MOVES.items()},
    "effect": {str(state): frozenset[StrEnum](after) for state, after in lifecycle.EFFECT_MOVES.items()},
    "campaign": {str(state): frozenset[StrEnum](after) for state, after in lifecycle.CAMPAIGN_MOVES.items()},
}
EFFECTS = """
SELECT e.effect_id, e.task_id, e.status, a.parts, t.status AS task_status, v.content_hash,
    (SELECT count(*) FROM verdict d WHERE d.task_id = e.task_id AND d.decision = 'approve'
        AND d.content_hash = v.content_hash) AS approvals,
    (SELECT count(*) FROM publication p WHERE p.effect_id = e.effect_id) AS publications,
    (SELECT count(*) FROM audit_event x WHERE x.subject = e.task_id::text AND x.action = 'effect.' || e.status) AS told
FROM effect e JOIN asset a USING (asset_id) JOIN task t ON t.task_id = e.task_id JOIN provenance v USING (asset_id)
WHERE e.tenant_id = $1
"""
UNTOLD_VERDICTS = """
SELECT count(*) FROM verdict v WHERE v.tenant_id = $1 AND NOT EXISTS (SELECT FROM audit_event x
    WHERE x.event_id = v.verdict_id AND x.subject = v.task_id::text AND x.action LIKE 'task.%')
"""
HELD_AT_REST = """
SELECT 'task' AS what, task_id, status FROM task WHERE tenant_id = $1 AND status = ANY($2) AND claimed_by IS NOT NULL
UNION ALL
SELECT 'effect', effect_id, status FROM effect WHERE tenant_id = $1 AND status = ANY($3) AND claimed_by IS NOT NULL
"""
MONEY = """
SELECT r.status AS reservation, t.status AS task, e.status AS effect
FROM reservation r JOIN task t USING (task_id) LEFT JOIN effect e USING (reservation_id)
WHERE r.tenant_id = $1 AND r.status IN ('pending', 'posted', 'voided') AND r.idempotency_key = 'task-' || t.task_id
"""
UNBALANCED = """
SELECT count(*) FROM (SELECT sum(p.amount) AS sum FROM transaction_ledger t LEFT JOIN ledger_posting p
    USING (transaction_id) WHERE t.tenant_id = $1 GROUP BY t.transaction_id) s WHERE s.sum IS DISTINCT FROM 0
"""
Connection = Any
Row = Any


def moves_are_legal(moves: Sequence[Row]) -> None:
    """Every move is in the one table, and no attempt is taken back."""
    for move in moves:
        told = dict(move)
        if move["before"] is None:
            assert move["after"] in BORN[move["what"]], told
            continue
        assert move["after"] in TABLES[move["what"]][move["before"]], told
        if move["attempt_before"] is not None:
            assert move["attempt_before"] <= move["attempt_after"] <= move["attempt_before"] + 1, told


async def effects_are_judged(connection: Connection, tenant_id: UUID) -> None:
    """One at most for a task, none without an approval of exactly its content, and each end of one is told."""
    effects = await connection.fetch(EFFECTS, tenant_id)
    assert len({row["task_id"] for row in effects}) == len(effects)
    for row in effects:
        told = dict(row)
        assert row["approvals"] >= 1 and row["content_hash"] == content_hash(row["parts"]), told
        assert row["task_status"] == "completed", told
        assert row["publications"] == (row["status"] in ("done", "reconciled")), told
        if EffectStatus(row["status"]) in lifecycle.EFFECT_OVER:
            assert row["told"] == 1, told


async def all_rests(connection: Connection, tenant_id: UUID) -> None:
    """Nobody holds what is over, and the trail has every verdict."""
    over = sorted(lifecycle.TASK_OVER), sorted(lifecycle.EFFECT_OVER)
    assert [dict(row) for row in await connection.fetch(HELD_AT_REST, tenant_id, *over)] == []
    assert await connection.fetchval(UNTOLD_VERDICTS, tenant_id) == 0


async def money_follows(connection: Connection, tenant_id: UUID) -> None:
    """What is reserved is on its way to be spent, what is posted is out there, and the ledger balances."""
    assert await connection.fetchval(UNBALANCED, tenant_id) == 0
    for row in await connection.fetch(MONEY, tenant_id):
        told = dict(row)
        over = row["task"] in lifecycle.TASK_OVER and row["task"] != TaskStatus.COMPLETED
        spent = row["effect"] in (EffectStatus.DONE, EffectStatus.RECONCILED)
        assert (row["reservation"] == "posted") == spent, told
        if row["reservation"] == "pending":
            assert not over and row["effect"] != EffectStatus.FAILED, told
