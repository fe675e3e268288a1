-- name: lock
SELECT a.approval_id, a.task_id, a.status, a.decided_by, a.content_hash, a.soul_hash, a.state_version, a.verdict,
    a.claimed_by, a.claimed_until > now() AS claimed, a.claimed_until, a.first_by, a.effective_at > now() AS revocable,
    t.status AS task_status, t.kind, f.soul_hash AS soul_now, c.state_version AS state_now,
    p.body -> 'four_eyes' AS four_eyes,
    (SELECT result FROM execution e WHERE e.task_id = a.task_id AND e.content_hash = a.content_hash
        ORDER BY attempt DESC LIMIT 1) AS result
FROM approval a JOIN task t USING (task_id) JOIN influencer f ON f.agent_id = t.agent_id
JOIN campaign c ON c.campaign_id = t.campaign_id
JOIN tenant n ON n.tenant_id = a.tenant_id
JOIN policy_version p ON p.tenant_id = n.tenant_id AND p.policy_hash = n.policy_hash
WHERE a.approval_id = $1
FOR NO KEY UPDATE OF a, t;

-- name: claim
UPDATE approval SET claimed_by = $2, claimed_until = now() + make_interval(secs => $3) WHERE approval_id = $1
RETURNING claimed_until;

-- name: release
UPDATE approval SET claimed_by = NULL, claimed_until = NULL WHERE approval_id = $1;

-- name: snooze
UPDATE approval SET snoozed_until = $2, claimed_by = NULL, claimed_until = NULL WHERE approval_id = $1;

-- name: second
-- The first of two who agree.
UPDATE approval SET first_by = $2, claimed_by = NULL, claimed_until = NULL WHERE approval_id = $1;

-- name: decide
UPDATE approval SET status = $2, decided_by = $3, note = $4, decided_at = now(),
    effective_at = now() + make_interval(secs => $5), claimed_by = NULL, claimed_until = NULL
WHERE approval_id = $1
RETURNING effective_at;

-- name: take_back
UPDATE approval SET status = 'waiting', decided_by = NULL, decided_at = NULL, note = NULL, effective_at = NULL,
    first_by = CASE WHEN status = 'approved' THEN first_by END
WHERE approval_id = $1;

-- name: reopen
-- Back to the Judge, once the verdict can no longer be taken back. A new attempt: whoever judged it before a human did
-- has had its word.
UPDATE task SET status = 'in_review', attempt = attempt + 1, claimed_by = NULL, tries = 0, due_at = now() + make_interval(secs => $3),
    updated_at = now()
WHERE task_id = $1 AND status = $2
RETURNING task_id, tenant_id, agent_id, priority;

-- name: hold_again
-- $2 guard. Nothing to do once the Judge has it in hand.
UPDATE task SET status = 'awaiting_approval', attempt = attempt + 1, due_at = now(), updated_at = now()
WHERE task_id = $1 AND status = ANY($2::text[]) AND claimed_by IS NULL AND due_at > now()
RETURNING task_id;

-- name: add_execution
INSERT INTO execution (task_id, attempt, tenant_id, author, result, content_hash)
SELECT $1, coalesce(max(attempt), 0) + 1, $2, $3, $4, $5 FROM execution WHERE task_id = $1;

-- name: escalate
-- What has waited longer than its tenant's policy allows, each once.
WITH late AS (
    UPDATE approval a SET escalated_at = now()
    FROM tenant n JOIN policy_version p ON p.tenant_id = n.tenant_id AND p.policy_hash = n.policy_hash
    WHERE n.tenant_id = a.tenant_id AND a.status = 'waiting' AND a.escalated_at IS NULL
      AND (a.snoozed_until IS NULL OR a.snoozed_until <= now())
      AND greatest(a.created_at, a.snoozed_until)
          + make_interval(mins => coalesce((p.body ->> 'review_within_minutes')::int, 240)) < now()
    RETURNING a.approval_id, a.tenant_id, a.task_id
)
INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)
SELECT gen_random_uuid(), tenant_id, 'swarm', 'approval.overdue', task_id::text,
    jsonb_build_object('approval_id', approval_id) FROM late;
