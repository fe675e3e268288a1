-- name: asked
-- The tenant's open questions, the oldest first. $1 limit.
SELECT e.effect_id, e.task_id, e.agent_id, f.persona, c.name AS campaign, e.server, e.tool,
    coalesce(e.arguments ->> 'account', '') AS account, a.parts, e.idempotency_key, e.question, e.asked_at
FROM effect e JOIN asset a USING (asset_id)
JOIN influencer f ON f.agent_id = e.agent_id
JOIN campaign c ON c.campaign_id = e.campaign_id
WHERE e.asked_at IS NOT NULL AND e.status = 'unknown'
ORDER BY e.asked_at LIMIT $1;

-- name: count_asked
SELECT count(*) FROM effect WHERE asked_at IS NOT NULL AND status = 'unknown';

-- name: lock_asked
SELECT effect_id, tenant_id, agent_id, campaign_id, task_id, asset_id, reservation_id, attempt, tries, status, server,
    tool, arguments, idempotency_key, disclosure, created_at, asked_at, claimed_by
FROM effect WHERE effect_id = $1 FOR NO KEY UPDATE;

-- name: answered
-- A question that is settled; $3 whether its tries begin anew.
UPDATE effect SET asked_at = NULL, question = NULL, answered_by = $2, tries = CASE WHEN $3 THEN 0 ELSE tries END
WHERE effect_id = $1;
