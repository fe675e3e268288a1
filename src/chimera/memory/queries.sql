-- name: recall
-- Nearest by shared words; the newest first among equals.
SELECT text FROM memory, websearch_to_tsquery('english', $3) AS wanted
WHERE tenant_id = $1 AND agent_id = $2 AND words @@ wanted
ORDER BY ts_rank(words, wanted) DESC, memory_id DESC
LIMIT $4;
