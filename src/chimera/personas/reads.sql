-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: influencers
SELECT f.agent_id, f.persona, f.account, f.soul_hash,
    ARRAY(SELECT jsonb_array_elements_text(v.soul -> 'voice_traits')) AS voice_traits,
    halted(f.tenant_id, f.agent_id, NULL) AS halted,
    (SELECT count(*) FROM task t WHERE t.agent_id = f.agent_id
        AND t.status IN ('pending', 'queued', 'in_progress', 'in_review')) AS tasks_open,
    (SELECT count(*) FROM approval a JOIN task t USING (task_id)
        WHERE t.agent_id = f.agent_id AND a.status = 'waiting') AS approvals_waiting,
    (SELECT count(*) FROM publication p WHERE p.agent_id = f.agent_id) AS published
FROM influencer f JOIN persona_version v ON v.tenant_id = f.tenant_id AND v.soul_hash = f.soul_hash
WHERE ($1::uuid IS NULL OR f.agent_id < $1)
ORDER BY f.agent_id DESC LIMIT $2;

-- name: persona_versions
SELECT v.soul_hash, v.agent_id, f.persona, v.source, v.created_at, v.soul_hash = f.soul_hash AS current
FROM persona_version v JOIN influencer f USING (agent_id)
WHERE ($1::uuid IS NULL OR v.agent_id = $1) AND ($2::text IS NULL OR v.soul_hash = $2)
ORDER BY v.created_at DESC, v.soul_hash LIMIT $3;

-- name: policy
SELECT p.body FROM policy_version p JOIN tenant n ON n.tenant_id = p.tenant_id AND n.policy_hash = p.policy_hash;

-- name: agent_id
SELECT agent_id FROM influencer WHERE tenant_id = $1 AND persona = $2;
