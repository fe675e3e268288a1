-- name: mark
INSERT INTO process (process_id, role, host, pid) VALUES ($1, $2, $3, $4)
ON CONFLICT (process_id) DO UPDATE SET last_seen = now(), stopped_at = NULL;

-- name: leave
UPDATE process SET stopped_at = now() WHERE process_id = $1;

-- name: forget
UPDATE process SET stopped_at = last_seen WHERE stopped_at IS NULL AND last_seen < now() - interval '1 hour';

-- name: swept
UPDATE process SET swept_at = now() WHERE process_id = $1;

-- name: sealed
UPDATE process SET sealed_at = now() WHERE process_id = $1;

-- name: chores
-- Seconds since somebody who is alive has swept, and sealed, or came to life; nulls when nobody is.
SELECT extract(epoch FROM now() - max(coalesce(swept_at, started_at)))::float8 AS swept,
    extract(epoch FROM now() - max(coalesce(sealed_at, started_at)))::float8 AS sealed FROM process
WHERE stopped_at IS NULL AND last_seen > now() - make_interval(secs => $1);

-- name: reachable
SELECT 1;

-- name: exists
SELECT CASE $2::text
    WHEN 'influencer' THEN EXISTS (SELECT FROM influencer WHERE tenant_id = $1 AND agent_id::text = $3)
    WHEN 'campaign' THEN EXISTS (SELECT FROM campaign WHERE tenant_id = $1 AND campaign_id::text = $3)
    ELSE true END;

-- name: halt
INSERT INTO halt (halt_id, tenant_id, scope, target, reason, actor) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, scope, target) WHERE lifted_at IS NULL DO NOTHING
RETURNING halt_id;

-- name: resume
UPDATE halt SET lifted_at = now(), lifted_by = $4
WHERE tenant_id = $1 AND scope = $2 AND target = $3 AND lifted_at IS NULL
RETURNING halt_id;

-- name: roles_alive
SELECT role, count(*) AS processes, max(last_seen) AS last_seen FROM process
WHERE stopped_at IS NULL AND last_seen > now() - make_interval(secs => $1)
GROUP BY role;

-- name: oldest
-- How long the oldest piece of work has been due, by stage, in seconds; halted and paused work does not count.
SELECT CASE WHEN t.status = 'in_review' THEN 'judge' WHEN t.kind IN ('plan', 'revise') THEN 'plan' ELSE 'work' END
    AS stage, count(*) AS waiting, extract(epoch FROM now() - min(greatest(t.due_at, t.updated_at)))::float8 AS oldest
FROM task t JOIN campaign c USING (campaign_id)
WHERE t.status IN ('queued', 'in_review') AND t.due_at <= now() AND c.status IN ('planning', 'running')
  AND NOT (t.external AND t.status = 'queued')
  AND NOT halted(t.tenant_id, t.agent_id, t.campaign_id)
  AND NOT tool_halted(t.tenant_id, t.dispatch -> 'tool_call' ->> 'target_mcp', t.dispatch -> 'tool_call' ->> 'action')
GROUP BY 1
UNION ALL
SELECT 'publish', count(*), extract(epoch FROM now() - min(greatest(due_at, updated_at)))::float8
FROM effect WHERE status IN ('authorised', 'unknown') AND due_at <= now()
  AND NOT halted(tenant_id, agent_id, campaign_id) AND NOT tool_halted(tenant_id, server, tool)
HAVING count(*) > 0;
