-- name: recall
-- Nearest by shared words; the newest first among equals.
SELECT text FROM memory, websearch_to_tsquery('english', $3) AS wanted
WHERE tenant_id = $1 AND agent_id = $2 AND words @@ wanted
ORDER BY ts_rank(words, wanted) DESC, memory_id DESC
LIMIT $4;

-- name: remember
INSERT INTO memory (memory_id, tenant_id, agent_id, origin, text, source)
SELECT $1, $2, $3, 'own', $4, $5
ON CONFLICT (agent_id, source) DO NOTHING;
