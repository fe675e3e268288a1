-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: influencers
SELECT f.agent_id, f.persona, f.account, f.soul_hash,
    ARRAY(SELECT jsonb_array_elements_text(v.soul -> 'voice_traits')) AS voice_traits,
    halted(f.tenant_id, f.agent_id, NULL) AS halted,
    (SELECT count(*) FROM task t WHERE t.agent_id = f.agent_id
        AND t.status IN ('pending', 'queued', 'in_progress', 'in_review')) AS tasks_open,
    (SELECT count(*) FROM approval a JOIN task t USING (task_id)
        WHERE t.agent_id = f.agent_id AND a.status = 'waiting') AS approvals_waiting,
    (SELECT count(*) FROM publication p WHERE p.agent_id = f.agent_id) AS published
FROM influencer f JOIN persona_version v ON v.tenant_id = f.tenant_id AND v.soul_hash = f.soul_hash
WHERE ($1::uuid IS NULL OR f.agent_id < $1)
ORDER BY f.agent_id DESC LIMIT $2;

-- name: persona_versions
SELECT v.soul_hash, v.agent_id, f.persona, v.source, v.created_at, v.soul_hash = f.soul_hash AS current
FROM persona_version v JOIN influencer f USING (agent_id)
WHERE ($1::uuid IS NULL OR v.agent_id = $1) AND ($2::text IS NULL OR v.soul_hash = $2)
ORDER BY v.created_at DESC, v.soul_hash LIMIT $3;

-- name: campaigns
SELECT c.campaign_id, c.agent_id, f.persona, c.name, c.brief ->> 'goal' AS goal, c.status, c.standing,
    c.state_version, c.created_at,
    (SELECT coalesce(jsonb_object_agg(s.status, s.n), '{}') FROM (SELECT status, count(*) AS n FROM task t
        WHERE t.campaign_id = c.campaign_id GROUP BY status) s) AS tasks,
    (SELECT count(*) FROM publication p WHERE p.campaign_id = c.campaign_id) AS published
FROM campaign c JOIN influencer f USING (agent_id)
WHERE ($1::uuid IS NULL OR c.campaign_id < $1) AND ($3::uuid IS NULL OR c.campaign_id = $3)
ORDER BY c.campaign_id DESC LIMIT $2;

-- name: plan
SELECT plan_id, campaign_id, status, author, draft, created_at FROM plan
WHERE campaign_id = $1 AND status <> 'superseded' ORDER BY plan_id DESC LIMIT 1;

-- name: tasks
SELECT t.task_id, t.execution_id, t.campaign_id, t.agent_id, f.persona, t.parent_id, t.node_key, t.kind, t.status,
    t.priority, t.dispatch -> 'context' ->> 'goal' AS goal, t.attempt, t.revision, t.cause, v.score, v.decision,
    ARRAY(SELECT jsonb_array_elements_text(v.body -> 'reasons')) AS reasons,
    e.status AS effect, p.url, t.created_at, t.updated_at
FROM task t JOIN influencer f ON f.agent_id = t.agent_id
LEFT JOIN LATERAL (SELECT score, decision, body FROM verdict v WHERE v.task_id = t.task_id
    ORDER BY decided_at DESC LIMIT 1) v ON true
LEFT JOIN effect e ON e.task_id = t.task_id
LEFT JOIN publication p ON p.effect_id = e.effect_id
WHERE ($1::uuid IS NULL OR t.task_id < $1) AND ($3::text IS NULL OR t.status = $3)
  AND ($4::uuid IS NULL OR t.campaign_id = $4) AND ($5::uuid IS NULL OR t.agent_id = $5)
ORDER BY t.task_id DESC LIMIT $2;

-- name: task_id
-- A task by its id or by its execution id.
SELECT task_id FROM task WHERE execution_id = $1 OR task_id::text = $1 LIMIT 1;

-- name: task
SELECT t.task_id, t.execution_id, t.kind, t.status, t.attempt, t.campaign_id, t.agent_id, t.parent_id, t.soul_hash,
    t.state_version, t.cause, t.dispatch, t.created_at, t.updated_at, f.persona,
    ARRAY(SELECT c.task_id FROM task c WHERE c.parent_id = t.task_id ORDER BY c.task_id) AS children,
    (SELECT answer FROM reservation r
        WHERE r.task_id = t.task_id AND r.category NOT IN ('compute', 'fees') ORDER BY created_at DESC LIMIT 1) AS answer,
    (SELECT jsonb_build_object('effect_id', e.effect_id, 'status', e.status, 'idempotency_key', e.idempotency_key,
        'url', p.url, 'cause', e.cause) FROM effect e LEFT JOIN publication p USING (effect_id)
        WHERE e.task_id = t.task_id) AS delivery
FROM task t JOIN influencer f USING (agent_id) WHERE t.task_id = $1;

-- name: executions
SELECT attempt, author, result, recorded_at FROM execution WHERE task_id = $1 ORDER BY attempt LIMIT 100;

-- name: verdicts
SELECT judged_by, body, decided_at FROM verdict WHERE task_id = $1 ORDER BY decided_at LIMIT 100;

-- name: approvals
SELECT a.approval_id, a.task_id, t.agent_id, f.persona, c.name AS campaign, t.dispatch -> 'context' ->> 'goal' AS goal,
    a.content_hash, a.soul_hash, a.state_version, a.status, a.verdict, a.decided_by, a.note, a.created_at,
    a.decided_at, x.result, a.snoozed_until, a.first_by, a.escalated_at IS NOT NULL AND a.status = 'waiting' AS overdue,
    CASE WHEN a.claimed_until > now() THEN a.claimed_by END AS claimed_by,
    CASE WHEN a.claimed_until > now() THEN a.claimed_until END AS claimed_until,
    CASE WHEN a.effective_at > now() THEN a.effective_at END AS undo_until
FROM approval a JOIN task t USING (task_id) JOIN influencer f USING (agent_id)
JOIN campaign c ON c.campaign_id = t.campaign_id
JOIN LATERAL (SELECT result FROM execution e WHERE e.task_id = a.task_id AND e.content_hash = a.content_hash
    ORDER BY attempt DESC LIMIT 1) x ON true
WHERE ($1::uuid IS NULL OR a.approval_id < $1) AND ($3::text IS NULL OR a.status = $3 OR $6::boolean AND a.effective_at > now())
  AND ($4::uuid IS NULL OR a.approval_id = $4)
  AND ($5::boolean OR a.status <> 'waiting' OR a.snoozed_until IS NULL OR a.snoozed_until <= now())
ORDER BY a.approval_id DESC LIMIT $2;

-- name: transactions
SELECT transaction_id, asset_id, agent_id, campaign_id, entry, currency, amount, compute_tokens_used, "timestamp",
    cfo_judge_verification, memo
FROM transaction_ledger
WHERE ($1::uuid IS NULL OR transaction_id < $1) AND ($3::uuid IS NULL OR asset_id = $3)
ORDER BY transaction_id DESC LIMIT $2;

-- name: spends
SELECT reservation_id, task_id, campaign_id, status, request, answer, doubt, created_at FROM reservation
WHERE ($1::uuid IS NULL OR reservation_id < $1)
  AND CASE WHEN $3::boolean THEN doubt IS NOT NULL AND status = 'pending' ELSE category NOT IN ('compute', 'fees') END
ORDER BY reservation_id DESC LIMIT $2;

-- name: limits
SELECT b.budget_id, b.scope, b.scope_key, b.span, b.currency, b.limit_amount,
    coalesce(c.reserved, 0) AS reserved, coalesce(c.spent, 0) AS spent
FROM budget b JOIN tenant n USING (tenant_id)
LEFT JOIN budget_counter c ON c.budget_id = b.budget_id AND c.span_start = CASE b.span
    WHEN 'day' THEN (now() AT TIME ZONE n.time_zone)::date
    WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE n.time_zone)::date
    ELSE DATE '1970-01-01' END
WHERE NOT b.retired
ORDER BY b.scope DESC, b.span, b.currency, b.budget_id LIMIT $1;

-- name: assets
SELECT a.asset_id, a.campaign_id, a.agent_id, f.persona, a.task_id, a.parts, a.media, a.model_version, a.seed_values,
    a.generation_duration_ms, a.frame_rate, a.resolution, a.encoding_format, a.storage_uri, a.soul_hash,
    v.content_hash, v.cryptographic_signature, v.statement, v.on_chain_verification, v.published_at, p.url,
    a.created_at
FROM asset a JOIN influencer f USING (agent_id) JOIN provenance v USING (asset_id)
LEFT JOIN publication p USING (asset_id)
WHERE ($1::uuid IS NULL OR a.asset_id < $1) AND ($3::uuid IS NULL OR a.asset_id = $3)
  AND ($4::text IS NULL OR p.url = $4 AND p.kind NOT IN ('promotion', 'like'))
ORDER BY a.asset_id DESC LIMIT $2;

-- name: asset_of
SELECT asset_id FROM asset WHERE task_id = $1;

-- name: logs
SELECT log_id, planner_intent, worker_output_prompt, mcp_tool_parameters, judge_validation_score,
    creative_regression_notes
FROM generation_log WHERE asset_id = $1 ORDER BY log_id LIMIT 100;

-- name: ancestors
WITH RECURSIVE line AS (
    SELECT task_id, parent_id, 0 AS depth FROM task WHERE task_id = $1
    UNION ALL
    SELECT t.task_id, t.parent_id, l.depth + 1 FROM task t JOIN line l ON t.task_id = l.parent_id WHERE l.depth < 50
)
SELECT t.task_id, t.execution_id, t.campaign_id, t.agent_id, f.persona, t.parent_id, t.node_key, t.kind, t.status,
    t.priority, t.dispatch -> 'context' ->> 'goal' AS goal, t.attempt, t.revision, t.cause, v.score, v.decision,
    ARRAY(SELECT jsonb_array_elements_text(v.body -> 'reasons')) AS reasons,
    e.status AS effect, p.url, t.created_at, t.updated_at
FROM line l JOIN task t USING (task_id) JOIN influencer f ON f.agent_id = t.agent_id
LEFT JOIN LATERAL (SELECT score, decision, body FROM verdict v WHERE v.task_id = t.task_id
    ORDER BY decided_at DESC LIMIT 1) v ON true
LEFT JOIN effect e ON e.task_id = t.task_id
LEFT JOIN publication p ON p.effect_id = e.effect_id
ORDER BY l.depth;

-- name: publications
SELECT p.publication_id, p.asset_id, p.agent_id, f.persona, p.server, p.kind, p.external_ids, p.url, p.disclosure,
    a.parts, p.published_at
FROM publication p JOIN influencer f USING (agent_id) JOIN asset a USING (asset_id)
WHERE ($1::uuid IS NULL OR p.publication_id < $1)
ORDER BY p.publication_id DESC LIMIT $2;

-- name: audit
SELECT event_id, at, actor, action, subject, body FROM audit_event
WHERE ($1::uuid IS NULL OR event_id < $1) AND ($3::text IS NULL OR subject = $3)
ORDER BY event_id DESC LIMIT $2;

-- name: halts
SELECT scope, target, reason, actor, halted_at FROM halt WHERE lifted_at IS NULL ORDER BY halt_id LIMIT 500;

-- name: counts
SELECT (SELECT count(*) FROM approval WHERE status = 'waiting') AS approvals_waiting,
    (SELECT count(*) FROM publication) AS published;

-- name: policy
SELECT p.body FROM policy_version p JOIN tenant n ON n.tenant_id = p.tenant_id AND n.policy_hash = p.policy_hash;

-- name: unbalanced
-- Transactions that do not sum to zero: there are none, and whoever doubts it can ask.
SELECT count(*) FROM (SELECT l.transaction_id FROM transaction_ledger l
    LEFT JOIN ledger_posting p USING (transaction_id)
    GROUP BY l.transaction_id HAVING coalesce(sum(p.amount), 1) <> 0) x;

-- name: payer
SELECT f.agent_id FROM influencer f LEFT JOIN campaign c ON c.agent_id = f.agent_id AND c.campaign_id = $2::uuid
WHERE ($1::text IS NULL OR f.persona = $1) AND ($2::uuid IS NULL OR c.campaign_id IS NOT NULL) LIMIT 1;
