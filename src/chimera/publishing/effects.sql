-- name: lock
-- $1 leases. Everything that the grant is checked against, read under a lock that a concurrent commit waits for.
SELECT e.effect_id, e.tenant_id, e.agent_id, e.campaign_id, e.task_id, e.asset_id, e.reservation_id, e.attempt, e.tries,
    e.status, e.server, e.tool, e.arguments, e.idempotency_key, e.effect_grant, e.disclosure, e.created_at, a.parts, a.media, f.soul_hash, c.state_version, i.redelivered,
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

-- name: clear
-- $1 effects and $2 attempts, pair by pair: whether each may still be carried out. No row when another has it. What was
-- granted under another state of the campaign or the persona goes no further, unless it is paid for or begun.
SELECT e.effect_id, e.attempt, halted(e.tenant_id, e.agent_id, e.campaign_id)
    OR tool_halted(e.tenant_id, e.server, e.tool)
    OR e.status = 'executing' AND r.status IS DISTINCT FROM 'posted'
        AND (c.state_version, f.soul_hash) <> ((e.effect_grant ->> 'state_version')::bigint, e.effect_grant ->> 'soul_hash')
    AS halted
FROM unnest($1::uuid[], $2::int[]) AS i(effect_id, attempt)
JOIN effect e USING (effect_id, attempt)
JOIN campaign c ON c.campaign_id = e.campaign_id
JOIN influencer f ON f.agent_id = e.agent_id
LEFT JOIN reservation r ON r.reservation_id = e.reservation_id
WHERE e.status IN ('executing', 'unknown') AND e.claimed_by IS NOT NULL;

-- name: ask
-- A doubt that a human has to settle; $6 when it is read back all the same, or null. `new`: it was not asked before.
UPDATE effect SET status = $3, cause = $4, question = $4, asked_at = coalesce(asked_at, now()),
    due_at = coalesce($6, 'infinity'::timestamptz), claimed_by = NULL, updated_at = now()
WHERE effect_id = $1 AND attempt = $2 AND status = ANY($5::text[])
RETURNING asked_at = now() AS new;

-- name: move
-- $5 guard states. A question is over once the effect is no longer in doubt; a later doubt is another one.
UPDATE effect SET status = $3, cause = $4, due_at = coalesce($6, due_at), claimed_by = NULL, updated_at = now(),
    asked_at = CASE WHEN $3 = 'unknown' THEN asked_at END, question = CASE WHEN $3 = 'unknown' THEN question END
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

-- name: parts
SELECT parts FROM asset WHERE asset_id = $1;

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

-- name: release_lost_claims
-- What a living process has begun and does not hold. $1 process, $2 what it holds, $3 seconds.
UPDATE effect SET status = 'unknown', claimed_by = NULL, cause = 'its process lost track of it', updated_at = now()
WHERE status IN ('executing', 'unknown') AND claimed_by = $1 AND effect_id <> ALL($2::uuid[])
  AND updated_at < now() - make_interval(secs => $3);
