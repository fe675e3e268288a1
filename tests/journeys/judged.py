"""Pieces that the Judge has scored and that humans have decided about, put into the database as they would be."""

from uuid import UUID

import asyncpg

from chimera.ids import new_id

PIECES = """
WITH made AS (
    INSERT INTO task (task_id, tenant_id, agent_id, campaign_id, execution_id, kind, status, priority, dispatch,
        state_version, soul_hash)
    SELECT id, $2, $3, (SELECT campaign_id FROM campaign WHERE agent_id = $3 LIMIT 1), id::text, 'create', 'completed',
        'low', jsonb_build_object('context', jsonb_build_object('goal', $6::text)), 1, 'x' FROM unnest($1::uuid[]) AS id
), assets AS (
    INSERT INTO asset (asset_id, campaign_id, agent_id, model_version, seed_values, generation_duration_ms,
        encoding_format, storage_uri, tenant_id, task_id, parts, soul_hash)
    SELECT id, (SELECT campaign_id FROM campaign WHERE agent_id = $3 LIMIT 1), $3, 'm', '{}', 1, 'text/plain', 'db', $2,
        id, ARRAY[$6::text], 'x' FROM unnest($1::uuid[]) AS id
)
INSERT INTO verdict (verdict_id, tenant_id, task_id, judged_by, decision, score, body)
SELECT id, $2, id, $4, 'approve', $5::float8, jsonb_build_object('reasons', jsonb_build_array($6::text))
FROM unnest($1::uuid[]) AS id
"""

REVIEWS = """
INSERT INTO approval (approval_id, tenant_id, task_id, content_hash, soul_hash, state_version, verdict, status,
    decided_by, decided_at)
SELECT gen_random_uuid(), $2, id, '', '', 1, jsonb_build_object('score', $3::float8, 'judged_by', 'judge:test'), $4,
    'reviewer:ann', now() FROM unnest($1::uuid[]) AS id
"""


class Judged:
    """The past of one influencer's pieces."""

    def __init__(self, raw: "asyncpg.Connection[asyncpg.Record]", tenant_id: UUID, agent_id: UUID) -> None:
        self._raw = raw
        self._tenant_id = tenant_id
        self._agent_id = agent_id

    async def approved(
        self, count: int, judged_by: str = "judge:test", score: float = 0.95, text: str = "Look up tonight."
    ) -> list[UUID]:
        """So many pieces that the Judge approved; the ids of their tasks, which are those of their verdicts too."""
        made = [new_id() for _ in range(count)]
        await self._raw.execute(PIECES, made, self._tenant_id, self._agent_id, judged_by, score, text)
        return made

    async def reviewed(self, count: int, score: float, status: str) -> None:
        """So many pieces with this score that a reviewer has decided about."""
        made = await self.approved(count, "reviewer:ann", score)
        await self._raw.execute(REVIEWS, made, self._tenant_id, score, status)
