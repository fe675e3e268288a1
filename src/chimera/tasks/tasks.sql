-- name: insert
-- Tasks from a plan, a dispatch or a revision; an execution id that exists is left alone.
WITH input AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(task_id uuid, tenant_id uuid, agent_id uuid, campaign_id uuid,
        parent_id uuid, execution_id text, node_key text, kind text, status text, priority text, dispatch jsonb,
        depends_on uuid[], revision smallint, external boolean, state_version bigint, soul_hash text)
)
INSERT INTO task (task_id, tenant_id, agent_id, campaign_id, parent_id, execution_id, node_key, kind, status, priority,
    dispatch, depends_on, revision, external, state_version, soul_hash)
SELECT task_id, tenant_id, agent_id, campaign_id, parent_id, execution_id, node_key, kind, status, priority,
    dispatch, coalesce(depends_on, '{}'), coalesce(revision, 0), coalesce(external, false), state_version, soul_hash
FROM input
ON CONFLICT (tenant_id, execution_id) DO NOTHING
RETURNING task_id, tenant_id, agent_id, priority, kind, status, external;

-- name: claim
-- $1 leases, $2 process, $3 kinds, $4 guard. One that was redelivered may take over from its last holder.
-- A claim that is lost with the server is made again by the sweeper: it need not wait for the disk.
WITH fast AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), input AS (
    SELECT r.* FROM fast, jsonb_to_recordset($1::jsonb) AS r(id uuid, redelivered boolean)
), held AS (
    SELECT t.task_id, t.status, t.attempt, c.state_version, n.policy_hash
    FROM input i
    JOIN task t ON t.task_id = i.id
    JOIN campaign c USING (campaign_id)
    JOIN tenant n ON n.tenant_id = t.tenant_id
    WHERE t.kind = ANY($3::text[]) AND NOT t.external
      AND (t.status = 'queued' AND t.due_at <= now() OR t.status = 'in_progress' AND i.redelivered)
      AND c.status IN ('planning', 'running')
      AND NOT halted(t.tenant_id, t.agent_id, t.campaign_id)
      AND NOT tool_halted(t.tenant_id, t.dispatch -> 'tool_call' ->> 'target_mcp', t.dispatch -> 'tool_call' ->> 'action')
)
UPDATE task t
SET status = 'in_progress', attempt = t.attempt + 1, tries = t.tries + 1, claimed_by = $2,
    state_version = h.state_version, updated_at = now()
FROM held h
WHERE t.task_id = h.task_id AND t.status = h.status AND t.attempt = h.attempt AND t.status = ANY($4::text[])
RETURNING t.task_id, t.tenant_id, t.agent_id, t.campaign_id, t.parent_id, t.kind, t.attempt, t.tries, t.revision,
    t.state_version, t.soul_hash, h.policy_hash, t.dispatch,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('task_id', e.task_id, 'external_ids', p.external_ids, 'url', p.url)),
        '[]') FROM publication p JOIN effect e USING (effect_id) WHERE e.task_id = ANY(t.depends_on)) AS upstream;

-- name: submit
-- $2 guard.
WITH input AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(task_id uuid, attempt int, author text, result jsonb,
        content_hash text)
), moved AS (
    UPDATE task t SET status = 'in_review', claimed_by = NULL, lease_until = NULL, tries = 0, updated_at = now()
    FROM input i
    WHERE t.task_id = i.task_id AND t.attempt = i.attempt AND t.status = $2
      AND t.task_id = ANY(ARRAY(SELECT task_id FROM input))  -- by key, however many rows share the status
    RETURNING t.task_id, t.attempt, t.tenant_id, t.agent_id, t.priority
), stored AS (
    INSERT INTO execution (task_id, attempt, tenant_id, author, result, content_hash)
    SELECT i.task_id, i.attempt, m.tenant_id, i.author, i.result, i.content_hash
    FROM input i JOIN moved m USING (task_id, attempt)
)
SELECT task_id, attempt, tenant_id, agent_id, priority FROM moved;

-- name: postpone
-- Back to the queue of its stage. $5 guard states.
UPDATE task SET status = CASE status WHEN 'in_review' THEN 'in_review' ELSE 'queued' END, claimed_by = NULL,
    lease_until = NULL, cause = $3, due_at = $4, updated_at = now()
WHERE task_id = $1 AND attempt = $2 AND status = ANY($5::text[])
RETURNING task_id;

-- name: dead_letter
-- $5 guard states.
UPDATE task SET status = $3, claimed_by = NULL, lease_until = NULL, cause = $4, updated_at = now(),
    buried_at = CASE WHEN $3 = 'dead_letter' THEN now() END
WHERE task_id = $1 AND attempt = $2 AND status = ANY($5::text[])
RETURNING task_id, tenant_id;

-- name: replan
-- What cannot be done as it is goes back to the Planner with its cause, as often as the policy allows (ORC-8, ORC-11).
INSERT INTO task (task_id, tenant_id, agent_id, campaign_id, parent_id, execution_id, kind, status, priority, dispatch,
    revision, state_version, soul_hash)
SELECT $2::uuid, t.tenant_id, t.agent_id, t.campaign_id, t.task_id, $2::uuid::text, 'revise', 'queued', t.priority,
    t.dispatch || jsonb_build_object('execution_id', $2::uuid::text), t.revision, t.state_version, t.soul_hash
FROM task t JOIN campaign c USING (campaign_id)
JOIN tenant n ON n.tenant_id = t.tenant_id
JOIN policy_version p ON p.tenant_id = n.tenant_id AND p.policy_hash = n.policy_hash
WHERE t.task_id = $1 AND c.status NOT IN ('finished', 'cancelled')
  AND t.revision < (p.body ->> 'max_revisions')::int
RETURNING task_id, tenant_id, agent_id, priority, kind, status;

-- name: open_reservation
SELECT reservation_id FROM reservation
WHERE task_id = $1 AND idempotency_key = 'task-' || task_id AND status = 'pending';

-- name: complete
-- A planning task that has done its work. $3 guard.
UPDATE task SET status = 'completed', claimed_by = NULL, updated_at = now()
WHERE task_id = $1 AND attempt = $2 AND status = $3
RETURNING task_id;

-- name: lock_for_planning
SELECT t.campaign_id, t.tenant_id, t.agent_id, c.state_version, c.status AS campaign_status, c.autostart, c.standing,
    i.soul_hash, c.brief
FROM task t JOIN campaign c USING (campaign_id) JOIN influencer i ON i.agent_id = t.agent_id
WHERE t.task_id = $1
FOR NO KEY UPDATE OF c;

-- name: rewire_dependents
-- The dependents of a task that was replaced wait for its successor.
UPDATE task SET depends_on = array_replace(depends_on, $1::uuid, $2::uuid), updated_at = now()
WHERE campaign_id = $3 AND status = 'pending' AND depends_on @> ARRAY[$1::uuid];

-- name: release_pending
-- Start what waited for nothing but work that is done; $1 a campaign, or null for all.
UPDATE task t SET status = 'queued', due_at = now(), updated_at = now()
FROM campaign c
WHERE c.campaign_id = t.campaign_id AND c.status = 'running' AND t.status = $2
  AND ($1::uuid IS NULL OR t.campaign_id = $1)
  AND NOT EXISTS (
    SELECT FROM task d LEFT JOIN effect e ON e.task_id = d.task_id
    WHERE d.task_id = ANY(t.depends_on)
      AND NOT (d.status = 'completed' AND (e.effect_id IS NULL OR e.status IN ('done', 'reconciled'))))
RETURNING t.task_id, t.tenant_id, t.agent_id, t.priority, t.kind, t.status, t.external;

-- name: cancel_orphans
-- What waits for work that will never be done has lost its reason.
UPDATE task t SET status = 'cancelled', cause = 'what it depends on did not come about', updated_at = now()
WHERE t.status = $1 AND EXISTS (
    SELECT FROM task d LEFT JOIN effect e ON e.task_id = d.task_id
    WHERE d.task_id = ANY(t.depends_on)
      AND (d.status IN ('rejected', 'failed', 'stale', 'cancelled', 'dead_letter') OR e.status = 'failed')
      AND NOT EXISTS (SELECT FROM task s WHERE s.parent_id = d.task_id
          AND s.status NOT IN ('rejected', 'failed', 'cancelled', 'dead_letter')))
RETURNING t.task_id;

-- name: lead
-- One process sweeps at a time; the others come by again in a second.
SELECT pg_try_advisory_xact_lock($1);

-- name: due
-- What stands in a queue's state but may be missing in Redis, or is held by a process that is gone.
SELECT t.task_id, t.tenant_id, t.agent_id, t.priority, t.kind, t.status, t.external
FROM task t JOIN campaign c USING (campaign_id)
WHERE t.status IN ('queued', 'in_review') AND t.claimed_by IS NULL AND t.due_at <= now()
  AND t.updated_at <= now() - make_interval(secs => $2)
  AND NOT (t.external AND t.status = 'queued')
  AND c.status IN ('planning', 'running')
  AND NOT halted(t.tenant_id, t.agent_id, t.campaign_id)
  AND NOT tool_halted(t.tenant_id, t.dispatch -> 'tool_call' ->> 'target_mcp', t.dispatch -> 'tool_call' ->> 'action')
ORDER BY t.due_at
LIMIT $1;

-- name: orphaned
-- Take tasks back from processes that have not been seen for a lease, and from callers whose lease has run out.
UPDATE task t
SET status = CASE t.status WHEN 'in_progress' THEN 'queued' ELSE t.status END, claimed_by = NULL, lease_until = NULL,
    cause = 'its process was lost', updated_at = now()
WHERE t.status IN ('in_progress', 'in_review') AND t.claimed_by IS NOT NULL AND (
    t.lease_until < now()
    OR (t.lease_until IS NULL AND NOT EXISTS (
        SELECT FROM process p WHERE p.process_id = t.claimed_by AND p.stopped_at IS NULL
          AND p.last_seen > now() - make_interval(secs => $1))))
RETURNING t.task_id, t.tenant_id, t.agent_id, t.priority, t.kind, t.status, t.external;

-- name: release_lost_claims
-- What a living process has claimed and does not hold: its answer was lost, or it could not be given back, and Redis
-- has forgotten the lease. $1 process, $2 status, $3 kinds, $4 what it holds, $5 seconds.
UPDATE task SET status = CASE status WHEN 'in_progress' THEN 'queued' ELSE status END, claimed_by = NULL,
    cause = 'its process lost track of it', updated_at = now()
WHERE status = $2 AND claimed_by = $1 AND kind = ANY($3::text[]) AND task_id <> ALL($4::uuid[])
  AND updated_at < now() - make_interval(secs => $5);

-- name: finish_campaigns
-- A campaign is finished when nothing of it is left to do, by the swarm or by a human.
UPDATE campaign c SET status = 'finished'
WHERE c.status = $1 AND NOT c.standing
  AND ($2::uuid IS NULL OR c.campaign_id = $2)
  AND NOT EXISTS (SELECT FROM task t WHERE t.campaign_id = c.campaign_id AND t.status IN
      ('pending', 'queued', 'in_progress', 'in_review', 'awaiting_approval'))
  AND NOT EXISTS (SELECT FROM effect e WHERE e.campaign_id = c.campaign_id AND e.status IN
      ('authorised', 'executing', 'unknown'))
RETURNING c.campaign_id;

-- name: give_up_planning
UPDATE campaign c SET status = 'draft'
WHERE c.status = $1 AND ($2::uuid IS NULL OR c.campaign_id = $2)
  AND NOT EXISTS (SELECT FROM task t WHERE t.campaign_id = c.campaign_id AND t.kind = 'plan'
      AND t.status IN ('pending', 'queued', 'in_progress'));
