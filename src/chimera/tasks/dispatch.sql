-- name: retire_reservations
-- Another life asks the CFO anew: the answer of the last one, whose money was given back, does not count again.
UPDATE reservation SET idempotency_key = idempotency_key || ':' || reservation_id
WHERE task_id = $1 AND status = 'voided' AND idempotency_key = 'task-' || task_id;

-- name: reopen_campaign
-- $2 the kind of the task: a plan's campaign went back to being a draft when the plan failed.
UPDATE campaign SET status = CASE status WHEN 'finished' THEN 'running' ELSE 'planning' END
WHERE campaign_id = $1 AND (status = 'finished' OR status = 'draft' AND $2::text = 'plan');

-- name: dead_letters
-- $1 before, $2 limit.
SELECT t.task_id, t.execution_id, t.agent_id, f.persona, t.campaign_id, c.name AS campaign,
    t.dispatch -> 'context' ->> 'goal' AS goal, coalesce(t.cause, '') AS cause, t.attempt, t.replays,
    coalesce(t.buried_at, t.updated_at) AS buried_at
FROM task t JOIN influencer f USING (agent_id) JOIN campaign c ON c.campaign_id = t.campaign_id
WHERE t.status = 'dead_letter' AND ($1::uuid IS NULL OR t.task_id < $1)
ORDER BY t.task_id DESC LIMIT $2;

-- name: withdraw
UPDATE approval SET status = 'stale' WHERE task_id = $1 AND status = 'waiting';

-- name: known
SELECT task_id, dispatch FROM task WHERE execution_id = $1;

-- name: speaker
-- Who would speak, for which campaign: the standing one when none is named.
SELECT f.agent_id, f.tenant_id, f.soul_hash, f.persona, c.campaign_id, c.state_version, c.status AS campaign_status
FROM influencer f JOIN campaign c USING (agent_id)
WHERE f.persona = $1 AND CASE WHEN $2::uuid IS NULL THEN c.standing ELSE c.campaign_id = $2 END;

-- name: claim_external
-- One task for an agent outside the swarm (ORC-13). $1 key, $2 persona or null, $3 lease in seconds, $4 guard.
WITH next AS (
    SELECT t.task_id, c.state_version, f.persona
    FROM task t JOIN campaign c USING (campaign_id) JOIN influencer f ON f.agent_id = t.agent_id
    WHERE t.external AND t.status = 'queued' AND t.due_at <= now() AND c.status = 'running'
      AND ($2::text IS NULL OR f.persona = $2) AND NOT halted(t.tenant_id, t.agent_id, t.campaign_id)
      AND NOT tool_halted(t.tenant_id, t.dispatch -> 'tool_call' ->> 'target_mcp', t.dispatch -> 'tool_call' ->> 'action')
    ORDER BY array_position(ARRAY['high', 'medium', 'low'], t.priority), t.due_at
    LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE task t SET status = 'in_progress', attempt = t.attempt + 1, tries = t.tries + 1, claimed_by = $1,
    state_version = n.state_version, lease_until = now() + make_interval(secs => $3), updated_at = now()
FROM next n WHERE t.task_id = n.task_id AND t.status = ANY($4::text[])
RETURNING t.task_id, t.execution_id, t.attempt, t.lease_until, t.dispatch;

-- name: renew_external
UPDATE task SET lease_until = now() + make_interval(secs => $4), updated_at = now()
WHERE task_id = $1 AND claimed_by = $2 AND attempt = $3 AND status = 'in_progress'
RETURNING task_id, execution_id, attempt, lease_until, dispatch;

-- name: lock
SELECT t.task_id, t.tenant_id, t.execution_id, t.status, t.attempt, t.claimed_by, t.dispatch, t.campaign_id,
    t.agent_id, t.priority, t.kind, t.external, t.soul_hash, t.replays, t.buried_at, c.state_version,
    c.status AS campaign_status
FROM task t JOIN campaign c USING (campaign_id) WHERE t.task_id = $1 FOR NO KEY UPDATE OF t;

-- name: cancel
UPDATE task SET status = 'cancelled', claimed_by = NULL, lease_until = NULL, cause = $2, updated_at = now()
WHERE task_id = $1 AND status = ANY($3::text[])
RETURNING task_id;

-- name: replay
UPDATE task SET status = 'queued', tries = 0, replays = replays + 1, cause = NULL, due_at = now(), updated_at = now()
WHERE task_id = $1 AND status = ANY($2::text[])
RETURNING task_id, tenant_id, agent_id, priority, kind, status, external;
