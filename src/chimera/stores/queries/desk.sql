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
