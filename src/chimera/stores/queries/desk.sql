-- name: lock_approval
SELECT a.approval_id, a.task_id, a.status, a.decided_by, a.content_hash, a.soul_hash, a.state_version,
    t.status AS task_status, f.soul_hash AS soul_now, c.state_version AS state_now,
    (SELECT result FROM execution e WHERE e.task_id = a.task_id AND e.content_hash = a.content_hash
        ORDER BY attempt DESC LIMIT 1) AS result
FROM approval a JOIN task t USING (task_id) JOIN influencer f ON f.agent_id = t.agent_id
JOIN campaign c ON c.campaign_id = t.campaign_id
WHERE a.approval_id = $1
FOR NO KEY UPDATE OF a, t;

-- name: decide
UPDATE approval SET status = $2, decided_by = $3, note = $4, decided_at = now() WHERE approval_id = $1;

-- name: reopen
UPDATE task SET status = 'in_review', claimed_by = NULL, tries = 0, due_at = now(), updated_at = now()
WHERE task_id = $1 AND status = $2
RETURNING task_id, tenant_id, agent_id, priority;

-- name: add_execution
INSERT INTO execution (task_id, attempt, tenant_id, author, result, content_hash)
SELECT $1, coalesce(max(attempt), 0) + 1, $2, $3, $4, $5 FROM execution WHERE task_id = $1;

-- name: retire_reservations
-- Another life asks the CFO anew: the answer of the last one, whose money was given back, does not count again.
UPDATE reservation SET idempotency_key = idempotency_key || ':' || reservation_id
WHERE task_id = $1 AND status = 'voided' AND idempotency_key = 'task-' || task_id;

-- name: reopen_campaign
-- $2 the kind of the task: a plan's campaign went back to being a draft when the plan failed.
UPDATE campaign SET status = CASE status WHEN 'finished' THEN 'running' ELSE 'planning' END
WHERE campaign_id = $1 AND (status = 'finished' OR status = 'draft' AND $2::text = 'plan');

-- name: withdraw
UPDATE approval SET status = 'stale' WHERE task_id = $1 AND status = 'waiting';
