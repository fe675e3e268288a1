-- name: create_tenant
INSERT INTO tenant (tenant_id, name, time_zone) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING tenant_id;

-- name: tenant_by_name
SELECT tenant_id, policy_hash FROM tenant WHERE name = $1;

-- name: add_key
INSERT INTO api_key (key_id, tenant_id, name, role, platform, key_hash, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: authenticate
SELECT key_id, tenant_id, name, role, platform FROM api_key
WHERE key_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: keys
SELECT key_id, name, role, platform, created_at, expires_at, revoked_at FROM api_key
WHERE tenant_id = $1 ORDER BY key_id LIMIT 500;

-- name: revoke_key
UPDATE api_key SET revoked_at = now() WHERE key_id = $1 AND tenant_id = $2 AND revoked_at IS NULL RETURNING key_id;

-- name: influencer
SELECT agent_id, account, soul_hash FROM influencer WHERE tenant_id = $1 AND persona = $2 FOR NO KEY UPDATE;

-- name: add_influencer
INSERT INTO influencer (agent_id, tenant_id, persona, account, soul_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, persona) DO NOTHING RETURNING agent_id;

-- name: change_soul
UPDATE influencer SET soul_hash = $2, account = $3 WHERE agent_id = $1;

-- name: add_persona_version
INSERT INTO persona_version (tenant_id, soul_hash, agent_id, source, soul) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: add_policy_version
INSERT INTO policy_version (tenant_id, policy_hash, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: set_policy
UPDATE tenant SET policy_hash = $2 WHERE tenant_id = $1 AND policy_hash IS DISTINCT FROM $2 RETURNING tenant_id;
