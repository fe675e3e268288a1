-- name: draw
-- The swarm's. $1 so many candidates at most; each is looked at once, and taken up or passed over for good. Three bytes
-- of the id's hash make a number that is as good as thrown, and the same whoever asks. What went stale has no asset.
WITH looked_at AS (
    DELETE FROM audit_candidate WHERE verdict_id = ANY(ARRAY(
        SELECT verdict_id FROM audit_candidate ORDER BY verdict_id LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING verdict_id
), drawn AS (
    INSERT INTO sample_audit (audit_id, tenant_id, task_id, score)
    SELECT v.verdict_id, v.tenant_id, v.task_id, v.score
    FROM looked_at JOIN verdict v USING (verdict_id)
    JOIN asset a ON a.task_id = v.task_id
    JOIN tenant n ON n.tenant_id = v.tenant_id
    JOIN policy_version p ON p.tenant_id = n.tenant_id AND p.policy_hash = n.policy_hash
    CROSS JOIN LATERAL (SELECT sha256(uuid_send(v.verdict_id)) AS hash) h
    WHERE (get_byte(h.hash, 0) * 65536 + get_byte(h.hash, 1) * 256 + get_byte(h.hash, 2)) * 100::bigint
          < coalesce((p.body ->> 'audit_percent')::int, 5) * 16777216::bigint
      AND NOT EXISTS (SELECT FROM approval y WHERE y.task_id = v.task_id AND y.status IN ('approved', 'edited'))
    ON CONFLICT DO NOTHING
    RETURNING audit_id, tenant_id, task_id, score
)
SELECT audit_id, tenant_id, task_id, score FROM drawn;

-- name: audits
SELECT s.audit_id, s.task_id, a.asset_id, t.agent_id, f.persona, t.campaign_id, c.name AS campaign,
    t.dispatch -> 'context' ->> 'goal' AS goal, a.parts, s.score, v.judged_by,
    ARRAY(SELECT jsonb_array_elements_text(v.body -> 'reasons')) AS reasons, p.url, s.status, s.decided_by, s.note,
    s.decided_at, s.created_at
FROM sample_audit s JOIN verdict v ON v.verdict_id = s.audit_id JOIN task t ON t.task_id = s.task_id
JOIN asset a ON a.task_id = s.task_id JOIN influencer f ON f.agent_id = t.agent_id
JOIN campaign c ON c.campaign_id = t.campaign_id
LEFT JOIN effect e ON e.task_id = s.task_id LEFT JOIN publication p ON p.effect_id = e.effect_id
WHERE ($1::uuid IS NULL OR s.audit_id < $1) AND s.status = $3
ORDER BY s.audit_id DESC LIMIT $2;

-- name: lock
SELECT audit_id, task_id, score, status, decided_by FROM sample_audit WHERE audit_id = $1 FOR NO KEY UPDATE;

-- name: decide
UPDATE sample_audit SET status = $2, decided_by = $3, note = $4, decided_at = now() WHERE audit_id = $1;

-- name: tally
SELECT status, count(*) AS count FROM sample_audit GROUP BY status;

-- name: heard
-- What humans said about pieces that a model had scored, counted; $1 an influencer, or null for all, $2 so many days
-- back, or null. What rules alone decided has no score that could be right or wrong; a verdict that can still be taken
-- back is none yet.
SELECT h.score, h.good, h.sampled, count(*) AS count
FROM (
    SELECT (y.verdict ->> 'score')::float8 AS score, y.status = 'approved' AS good, false AS sampled, y.task_id,
        y.verdict ->> 'judged_by' AS judged_by
    FROM approval y
    WHERE y.status IN ('approved', 'rejected', 'edited')
      AND (y.effective_at IS NULL OR y.effective_at <= now())
      AND ($2::int IS NULL OR y.decided_at >= now() - make_interval(days => $2))
    UNION ALL
    SELECT s.score, s.status = 'agreed', true, s.task_id, v.judged_by
    FROM sample_audit s JOIN verdict v ON v.verdict_id = s.audit_id
    WHERE s.status <> 'waiting' AND ($2::int IS NULL OR s.decided_at >= now() - make_interval(days => $2))
) h JOIN task t USING (task_id)
WHERE h.judged_by <> 'judge:rules' AND ($1::uuid IS NULL OR t.agent_id = $1)
GROUP BY h.score, h.good, h.sampled;
