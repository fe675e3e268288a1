-- Everything here runs under the caller's tenant: row-level security does the filtering.

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
