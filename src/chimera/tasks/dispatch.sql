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
