-- name: claim
-- $1 leases, $2 process, $3 guard.
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
