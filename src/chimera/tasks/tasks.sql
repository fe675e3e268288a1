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
-- $1 tickets, $2 process, $3 kinds, $4 guard. A ticket that was redelivered may take over from its last holder.
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

-- name: claim_pieces
-- $1 tickets, $2 process, $3 guard.
WITH fast AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), input AS (
    SELECT r.* FROM fast, jsonb_to_recordset($1::jsonb) AS r(id uuid, redelivered boolean)
), held AS (
    SELECT t.task_id, t.attempt, n.policy_hash
    FROM input i
    JOIN task t ON t.task_id = i.id
    JOIN tenant n ON n.tenant_id = t.tenant_id
    WHERE t.status = 'in_review' AND t.due_at <= now() AND (t.claimed_by IS NULL OR i.redelivered)
      AND NOT halted(t.tenant_id, t.agent_id, t.campaign_id)
), taken AS (
    UPDATE task t
    SET attempt = t.attempt + 1, tries = t.tries + 1, claimed_by = $2, updated_at = now()
    FROM held h
    WHERE t.task_id = h.task_id AND t.attempt = h.attempt AND t.status = ANY($3::text[])
    RETURNING t.*, h.policy_hash
)
SELECT t.task_id, t.tenant_id, t.agent_id, t.campaign_id, t.parent_id, t.kind, t.attempt, t.tries, t.revision,
    t.state_version, t.soul_hash, t.policy_hash, t.dispatch, x.result, x.content_hash,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('task_id', e.task_id, 'external_ids', p.external_ids, 'url', p.url)),
        '[]') FROM publication p JOIN effect e USING (effect_id) WHERE e.task_id = ANY(t.depends_on)) AS upstream,
    a.verdict AS human, r.answer AS spend, r.reservation_id
FROM taken t
JOIN LATERAL (SELECT result, content_hash FROM execution e WHERE e.task_id = t.task_id
    ORDER BY attempt DESC LIMIT 1) x ON true
LEFT JOIN LATERAL (SELECT jsonb_build_object('decision', CASE status WHEN 'approved' THEN 'approve' ELSE 'reject' END,
        'score', verdict -> 'score', 'judged_by', decided_by, 'reasons', jsonb_build_array(coalesce(note, status)))
        AS verdict
    FROM approval p WHERE p.task_id = t.task_id AND p.status IN ('approved', 'rejected')
      AND p.content_hash = x.content_hash AND p.soul_hash = t.soul_hash AND p.state_version = t.state_version
    ORDER BY created_at DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT answer, reservation_id FROM reservation v
    WHERE v.task_id = t.task_id AND v.idempotency_key = 'task-' || t.task_id
      AND v.status IN ('pending', 'refused') ORDER BY created_at DESC LIMIT 1) r ON true;

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

-- name: commit
-- The Judge's commit: verdict, asset, generation_log, provenance, ledger, effect, approval and follow-up task, all or
-- nothing. Optimistic concurrency (ORC-8): what was made under another campaign state or persona goes stale instead.
-- $2 guard.
WITH input AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(task_id uuid, attempt int, campaign_id uuid, status text,
        verdict_id uuid, verdict jsonb, content_hash text, revise_id uuid, max_revisions int, approval_id uuid,
        asset jsonb, costs jsonb, effect jsonb)
), campaigns AS MATERIALIZED (
    SELECT c.campaign_id, c.state_version, f.soul_hash
    FROM campaign c JOIN influencer f USING (agent_id)
    WHERE c.campaign_id IN (SELECT campaign_id FROM input)
    ORDER BY c.campaign_id
    FOR SHARE OF c
), moved AS (
    UPDATE task t
    SET status = CASE WHEN c.state_version = t.state_version AND c.soul_hash = t.soul_hash THEN i.status
        ELSE 'stale' END, claimed_by = NULL, tries = 0, updated_at = now(),
        cause = CASE WHEN c.state_version <> t.state_version THEN 'the campaign moved on while this was made'
            WHEN c.soul_hash <> t.soul_hash THEN 'the persona changed while this was made' ELSE t.cause END
    FROM input i JOIN campaigns c ON c.campaign_id = i.campaign_id
    WHERE t.task_id = i.task_id AND t.attempt = i.attempt AND t.status = $2
      AND t.task_id = ANY(ARRAY(SELECT task_id FROM input))
    RETURNING t.task_id, t.attempt, t.tenant_id, t.agent_id, t.campaign_id, t.execution_id, t.status, t.priority, t.dispatch,
        t.revision, t.state_version, t.soul_hash, t.kind
), judged AS (
    INSERT INTO verdict (verdict_id, tenant_id, task_id, content_hash, judged_by, decision, score, body)
    SELECT i.verdict_id, m.tenant_id, i.task_id, i.content_hash, i.verdict ->> 'judged_by', i.verdict ->> 'decision',
        (i.verdict ->> 'score')::float8, i.verdict
    FROM input i JOIN moved m USING (task_id, attempt)
), held AS (
    INSERT INTO approval (approval_id, tenant_id, task_id, content_hash, soul_hash, state_version, verdict)
    SELECT i.approval_id, m.tenant_id, i.task_id, i.content_hash, m.soul_hash, m.state_version, i.verdict
    FROM input i JOIN moved m USING (task_id, attempt) WHERE m.status = 'awaiting_approval'
), follow AS (
    INSERT INTO task (task_id, tenant_id, agent_id, campaign_id, parent_id, execution_id, kind, status, priority,
        dispatch, revision, state_version, soul_hash)
    SELECT i.revise_id, m.tenant_id, m.agent_id, m.campaign_id, m.task_id, i.revise_id::text, 'revise', 'queued',
        m.priority, m.dispatch || jsonb_build_object('execution_id', i.revise_id::text), m.revision, m.state_version,
        m.soul_hash
    FROM input i JOIN moved m USING (task_id, attempt)
    WHERE m.status IN ('rejected', 'stale') AND m.revision < i.max_revisions AND i.revise_id IS NOT NULL
    RETURNING task_id, parent_id
), approved AS MATERIALIZED (
    SELECT i.*, m.tenant_id, m.agent_id, m.soul_hash, m.priority, a.*
    FROM input i JOIN moved m USING (task_id, attempt)
    CROSS JOIN LATERAL jsonb_to_record(i.asset) AS a(asset_id uuid, model_version text, seed_values text[],
        generation_duration_ms int, encoding_format text, storage_uri text, parts text[], sketch bigint[],
        media jsonb, frame_rate text, resolution text, log_id uuid,
        planner_intent text, worker_output_prompt text, mcp_tool_parameters jsonb, judge_validation_score float8,
        creative_regression_notes text, provenance_id uuid, cryptographic_signature text, statement jsonb)
    WHERE m.status = 'completed'
), assets AS (
    INSERT INTO asset (asset_id, campaign_id, agent_id, model_version, seed_values, generation_duration_ms,
        encoding_format, storage_uri, tenant_id, task_id, parts, sketch, media, frame_rate, resolution, soul_hash)
    SELECT asset_id, campaign_id, agent_id, model_version, seed_values, generation_duration_ms, encoding_format,
        storage_uri, tenant_id, task_id, parts, coalesce(sketch, '{}'), coalesce(media, '[]'), frame_rate, resolution,
        soul_hash FROM approved
), logs AS (
    INSERT INTO generation_log (log_id, asset_id, planner_intent, worker_output_prompt, mcp_tool_parameters,
        judge_validation_score, creative_regression_notes, tenant_id)
    SELECT log_id, asset_id, planner_intent, worker_output_prompt, mcp_tool_parameters, judge_validation_score,
        creative_regression_notes, tenant_id FROM approved
), proofs AS (
    INSERT INTO provenance (provenance_id, asset_id, content_hash, cryptographic_signature, tenant_id, statement)
    -- Of the piece as it leaves: its files are signed after they were judged.
    SELECT provenance_id, asset_id, asset ->> 'content_hash', cryptographic_signature, tenant_id, statement
    FROM approved
), spent AS MATERIALIZED (
    SELECT a.tenant_id, a.agent_id, a.campaign_id, a.asset_id, c.*
    FROM approved a CROSS JOIN LATERAL jsonb_to_recordset(a.costs) AS c(transaction_id uuid, currency text,
        amount numeric, compute_tokens_used int, verification text, debit text, credit text, memo text)
), booked AS (
    INSERT INTO transaction_ledger (transaction_id, asset_id, currency, amount, compute_tokens_used,
        cfo_judge_verification, tenant_id, agent_id, campaign_id, entry, memo)
    SELECT transaction_id, asset_id, currency, amount, compute_tokens_used, verification, tenant_id, agent_id,
        campaign_id, 'attributed', memo FROM spent
), opened AS (
    INSERT INTO account (tenant_id, code, kind, agent_id, campaign_id, category)
    SELECT tenant_id, debit, 'expense', agent_id, campaign_id, 'content' FROM spent
    UNION SELECT tenant_id, credit, 'expense', agent_id, campaign_id, 'compute' FROM spent
    ON CONFLICT DO NOTHING
), posted AS (
    INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id)
    SELECT transaction_id, debit, amount, tenant_id FROM spent
    UNION ALL SELECT transaction_id, credit, -amount, tenant_id FROM spent
), effects AS (
    INSERT INTO effect (effect_id, tenant_id, agent_id, campaign_id, task_id, asset_id, reservation_id, server, tool,
        arguments, idempotency_key, effect_grant, disclosure, priority, status)
    SELECT (effect ->> 'effect_id')::uuid, tenant_id, agent_id, campaign_id, task_id, asset_id,
        (effect ->> 'reservation_id')::uuid, effect ->> 'server', effect ->> 'tool', effect -> 'arguments',
        'chm-' || (effect ->> 'effect_id'), effect -> 'grant', effect ->> 'disclosure', priority, 'authorised'
    FROM approved WHERE effect IS NOT NULL
    RETURNING effect_id, task_id
), noted AS (
    INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)
    SELECT i.verdict_id, m.tenant_id, i.verdict ->> 'judged_by', 'task.' || m.status, m.task_id::text,
        jsonb_build_object('score', i.verdict -> 'score', 'decision', i.verdict -> 'decision',
            'content_hash', i.content_hash, 'soul_hash', m.soul_hash, 'state_version', m.state_version)
    FROM input i JOIN moved m USING (task_id, attempt)
)
SELECT m.task_id, m.attempt, m.tenant_id, m.agent_id, m.priority, m.status, e.effect_id, f.task_id AS revise_id
FROM moved m LEFT JOIN effects e ON e.task_id = m.task_id LEFT JOIN follow f ON f.parent_id = m.task_id;

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

-- name: rejected
SELECT t.task_id, t.tenant_id, t.agent_id, t.campaign_id, t.parent_id, t.kind, t.attempt, t.tries, t.revision,
    t.state_version, t.soul_hash, n.policy_hash, t.dispatch, '[]'::jsonb AS upstream, t.node_key, t.cause,
    (SELECT body FROM verdict v WHERE v.task_id = t.task_id ORDER BY decided_at DESC LIMIT 1) AS verdict,
    (SELECT result FROM execution e WHERE e.task_id = t.task_id ORDER BY attempt DESC LIMIT 1) AS result
FROM task t JOIN tenant n USING (tenant_id)
WHERE t.task_id = $1;

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

-- name: earlier
-- $1 agents and $2 tasks, pair by pair; $3 texts for each at most.
SELECT ARRAY(SELECT array_to_string(a.parts, E'\n') FROM asset a
    WHERE a.agent_id = i.agent_id AND a.task_id <> i.task_id ORDER BY a.asset_id DESC LIMIT $3) AS texts
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS i(agent_id, task_id, number)
ORDER BY i.number;

-- name: lookalikes
-- $1 tenant, task, agent and sketch of each piece. What was approved and then refused is not out there.
SELECT i.number, f.persona, a.agent_id = i.agent_id AS own, a.parts,
    (SELECT p.url FROM publication p WHERE p.asset_id = a.asset_id) AS url
FROM jsonb_to_recordset($1::jsonb) AS i(number int, tenant_id uuid, task_id uuid, agent_id uuid, sketch bigint[])
CROSS JOIN LATERAL (
    SELECT a.asset_id, a.agent_id, a.parts FROM asset a
    WHERE a.sketch && i.sketch AND a.tenant_id = i.tenant_id AND a.task_id <> i.task_id
      AND NOT EXISTS (SELECT FROM effect e WHERE e.task_id = a.task_id AND e.status = 'failed')
    ORDER BY a.asset_id DESC LIMIT 20
) a
JOIN influencer f ON f.agent_id = a.agent_id
ORDER BY i.number, a.asset_id DESC;

-- name: setting
SELECT v.source, p.body AS policy, c.brief
FROM persona_version v, policy_version p, campaign c
WHERE v.tenant_id = $1 AND v.soul_hash = $2 AND p.tenant_id = $1 AND p.policy_hash = $3 AND c.campaign_id = $4;

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

-- name: known
SELECT task_id, dispatch FROM task WHERE execution_id = $1;

-- name: speaker
-- Who would speak, for which campaign: the standing one when none is named.
SELECT f.agent_id, f.tenant_id, f.soul_hash, f.persona, c.campaign_id, c.state_version, c.status AS campaign_status
FROM influencer f JOIN campaign c USING (agent_id)
WHERE f.persona = $1 AND CASE WHEN $2::uuid IS NULL THEN c.standing ELSE c.campaign_id = $2 END;
