-- name: lock
-- $1 tickets. Everything that the grant is checked against, read under a lock that a concurrent commit waits for.
SELECT e.effect_id, e.tenant_id, e.agent_id, e.campaign_id, e.task_id, e.asset_id, e.reservation_id, e.attempt, e.tries,
    e.status, e.server, e.tool, e.arguments, e.idempotency_key, e.effect_grant, a.parts, f.soul_hash, c.state_version, i.redelivered,
    halted(e.tenant_id, e.agent_id, e.campaign_id) OR tool_halted(e.tenant_id, e.server, e.tool) AS halted
FROM jsonb_to_recordset($1::jsonb) AS i(id uuid, redelivered boolean)
JOIN effect e ON e.effect_id = i.id
JOIN asset a USING (asset_id)
JOIN campaign c ON c.campaign_id = e.campaign_id
JOIN influencer f ON f.agent_id = e.agent_id
WHERE e.status IN ('authorised', 'executing', 'unknown') AND e.due_at <= now()
  AND (e.claimed_by IS NULL OR i.redelivered)
ORDER BY e.effect_id
FOR NO KEY UPDATE OF e;

-- name: claim
-- Reading back is no try: what was in doubt for long has as many tries left as it had before.
UPDATE effect SET status = $3, attempt = attempt + 1, tries = tries + ($3 = 'executing')::int, claimed_by = $2,
    updated_at = now()
WHERE effect_id = $1 AND status = ANY($4::text[])
RETURNING attempt, tries;

-- name: move
-- $5 guard states.
UPDATE effect SET status = $3, cause = $4, due_at = coalesce($6, due_at), claimed_by = NULL, updated_at = now()
WHERE effect_id = $1 AND attempt = $2 AND status = ANY($5::text[])
RETURNING task_id, reservation_id;

-- name: finish
UPDATE effect SET status = $3, receipt = $4, cause = NULL, claimed_by = NULL, updated_at = now()
WHERE effect_id = $1 AND attempt = $2 AND status = ANY($5::text[])
RETURNING asset_id, reservation_id;

-- name: publish
INSERT INTO publication (publication_id, tenant_id, agent_id, campaign_id, effect_id, asset_id, server, kind,
    external_ids, url, disclosure, published_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: mark_published
UPDATE provenance SET published_at = $2 WHERE asset_id = $1 AND published_at IS NULL;

-- name: remember
INSERT INTO memory (memory_id, tenant_id, agent_id, origin, text, source)
SELECT $1, $2, $3, 'own', $4, $5
ON CONFLICT (agent_id, source) DO NOTHING;

-- name: parts
SELECT parts FROM asset WHERE asset_id = $1;

-- name: replan
-- An approved piece that may no longer go out goes back to the Planner (ORC-8).
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

-- name: due
SELECT effect_id, tenant_id, agent_id, priority FROM effect
WHERE status IN ('authorised', 'unknown') AND claimed_by IS NULL AND due_at <= now()
  AND updated_at <= now() - make_interval(secs => $2)
  AND NOT halted(tenant_id, agent_id, campaign_id) AND NOT tool_halted(tenant_id, server, tool)
ORDER BY due_at LIMIT $1;

-- name: orphaned
-- An effect whose process is gone may or may not have happened.
UPDATE effect e SET status = CASE e.status WHEN 'executing' THEN 'unknown' ELSE e.status END, claimed_by = NULL,
    cause = 'its process was lost in mid-call', updated_at = now()
WHERE e.status IN ('executing', 'unknown') AND e.claimed_by IS NOT NULL AND NOT EXISTS (
    SELECT FROM process p WHERE p.process_id = e.claimed_by AND p.stopped_at IS NULL
      AND p.last_seen > now() - make_interval(secs => $1))
RETURNING e.effect_id, e.tenant_id, e.agent_id, e.priority;

-- name: let_go
-- What a living process has begun and does not hold. $1 process, $2 what it holds, $3 seconds.
UPDATE effect SET status = 'unknown', claimed_by = NULL, cause = 'its process lost track of it', updated_at = now()
WHERE status IN ('executing', 'unknown') AND claimed_by = $1 AND effect_id <> ALL($2::uuid[])
  AND updated_at < now() - make_interval(secs => $3);
