-- name: create
INSERT INTO campaign (campaign_id, tenant_id, agent_id, name, standing, brief, status, autostart)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, agent_id, name) DO NOTHING
RETURNING campaign_id;

-- name: standing
SELECT campaign_id FROM campaign WHERE agent_id = $1 AND standing;

-- name: lock
SELECT c.campaign_id, c.tenant_id, c.agent_id, c.name, c.standing, c.brief, c.status, c.autostart, c.state_version,
    i.soul_hash, i.persona
FROM campaign c JOIN influencer i USING (agent_id)
WHERE c.campaign_id = $1 AND c.tenant_id = $2
FOR NO KEY UPDATE OF c;

-- name: move
-- $4 guard states; a pause or a resumption is a new state of the campaign (ORC-8).
UPDATE campaign SET status = $2, state_version = state_version + CASE WHEN $3::boolean THEN 1 ELSE 0 END
WHERE campaign_id = $1 AND status = ANY($4::text[])
RETURNING state_version;

-- name: bump
-- A new fleet policy is a new state of every campaign that is not over (SOUL-3). They are locked in one order, the one
-- in which a commit of several verdicts locks them.
WITH held AS MATERIALIZED (
    SELECT campaign_id FROM campaign WHERE tenant_id = $1 AND status NOT IN ('finished', 'cancelled')
    ORDER BY campaign_id FOR NO KEY UPDATE
)
UPDATE campaign c SET state_version = c.state_version + 1 FROM held h WHERE c.campaign_id = h.campaign_id;

-- name: add_plan
INSERT INTO plan (plan_id, tenant_id, campaign_id, task_id, draft, status, author)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: latest_plan
SELECT plan_id, task_id, draft, status, author, created_at FROM plan
WHERE campaign_id = $1 AND status <> 'superseded' ORDER BY plan_id DESC LIMIT 1;

-- name: supersede_plans
UPDATE plan SET status = 'superseded' WHERE campaign_id = $1 AND status = 'draft';

-- name: run_plan
UPDATE plan SET status = 'running' WHERE plan_id = $1 AND status = 'draft' RETURNING task_id;

-- name: cancel_tasks
UPDATE task SET status = 'cancelled', claimed_by = NULL, cause = $3, updated_at = now()
WHERE campaign_id = $1 AND status = ANY($2::text[])
RETURNING task_id;

-- name: withdraw_effects
-- What was approved and has not begun; the trail tells of each. $3 actor.
WITH withdrawn AS (
    UPDATE effect SET status = 'failed', cause = $2, updated_at = now()
    WHERE campaign_id = $1 AND status = 'authorised' AND claimed_by IS NULL
    RETURNING tenant_id, task_id
)
INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)
SELECT gen_random_uuid(), tenant_id, $3, 'effect.failed', task_id::text, jsonb_build_object('cause', $2::text)
FROM withdrawn;

-- name: withdraw_approvals
UPDATE approval a SET status = 'stale' FROM task t
WHERE t.task_id = a.task_id AND t.campaign_id = $1 AND a.status = 'waiting';

-- name: idle_reservations
-- Money that nothing is on its way to spend any more.
SELECT r.reservation_id FROM reservation r LEFT JOIN task t USING (task_id) LEFT JOIN effect e USING (reservation_id)
WHERE r.campaign_id = $1 AND r.status = 'pending' AND r.idempotency_key LIKE 'task-%'
  AND (t.status <> 'completed' OR e.status = 'failed')
ORDER BY r.reservation_id;

-- name: has_run
SELECT EXISTS (SELECT FROM plan WHERE campaign_id = $1 AND status = 'running');

-- name: context
SELECT v.source, p.body AS policy, c.brief
FROM persona_version v, policy_version p, campaign c
WHERE v.tenant_id = $1 AND v.soul_hash = $2 AND p.tenant_id = $1 AND p.policy_hash = $3 AND c.campaign_id = $4;

-- name: rejected
SELECT t.task_id, t.tenant_id, t.agent_id, t.campaign_id, t.parent_id, t.kind, t.attempt, t.tries, t.revision,
    t.state_version, t.soul_hash, n.policy_hash, t.dispatch, '[]'::jsonb AS upstream, t.node_key, t.cause,
    (SELECT body FROM verdict v WHERE v.task_id = t.task_id ORDER BY decided_at DESC LIMIT 1) AS verdict,
    (SELECT result FROM execution e WHERE e.task_id = t.task_id ORDER BY attempt DESC LIMIT 1) AS result
FROM task t JOIN tenant n USING (tenant_id)
WHERE t.task_id = $1;
