-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: halts
SELECT scope, target, reason, actor, halted_at FROM halt WHERE lifted_at IS NULL ORDER BY halt_id LIMIT 500;

-- name: counts
SELECT (SELECT count(*) FROM approval WHERE status = 'waiting') AS approvals_waiting,
    (SELECT count(*) FROM publication) AS published;
