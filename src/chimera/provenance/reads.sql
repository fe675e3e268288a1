-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: assets
SELECT a.asset_id, a.campaign_id, a.agent_id, f.persona, a.task_id, a.parts, a.media, a.model_version, a.seed_values,
    a.generation_duration_ms, a.frame_rate, a.resolution, a.encoding_format, a.storage_uri, a.soul_hash,
    v.content_hash, v.cryptographic_signature, v.statement, v.on_chain_verification, v.published_at, p.url,
    a.created_at
FROM asset a JOIN influencer f USING (agent_id) JOIN provenance v USING (asset_id)
LEFT JOIN publication p USING (asset_id)
WHERE ($1::uuid IS NULL OR a.asset_id < $1) AND ($3::uuid IS NULL OR a.asset_id = $3)
  AND ($4::text IS NULL OR p.url = $4 AND p.kind NOT IN ('promotion', 'like'))
ORDER BY a.asset_id DESC LIMIT $2;

-- name: asset_of
SELECT asset_id FROM asset WHERE task_id = $1;

-- name: logs
SELECT log_id, planner_intent, worker_output_prompt, mcp_tool_parameters, judge_validation_score,
    creative_regression_notes
FROM generation_log WHERE asset_id = $1 ORDER BY log_id LIMIT 100;

-- name: publications
SELECT p.publication_id, p.asset_id, p.agent_id, f.persona, p.server, p.kind, p.external_ids, p.url, p.disclosure,
    a.parts, p.published_at
FROM publication p JOIN influencer f USING (agent_id) JOIN asset a USING (asset_id)
WHERE ($1::uuid IS NULL OR p.publication_id < $1)
ORDER BY p.publication_id DESC LIMIT $2;
