-- Everything here runs under the caller's tenant: row-level security does the filtering.

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
