-- Everything here runs under the caller's tenant: row-level security does the filtering.

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
