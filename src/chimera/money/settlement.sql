-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: authorised
-- A spend by the hash that authorised it.
SELECT reservation_id, verification, status, currency, amount, paid, reference, task_id, doubt, category, payee,
    '' AS server, coalesce(expires_at <= $2, false) AS late,
    expires_at IS NULL AS swarms
FROM reservation WHERE verification = $1 AND verification <> '';

-- name: doubted
-- A spend by its id, with the server whose bill it would be on when no wallet pays it.
SELECT r.reservation_id, r.verification, r.status, r.currency, r.amount, r.paid, r.reference, r.task_id, r.doubt,
    r.category, r.payee, false AS late,
    CASE WHEN EXISTS (SELECT FROM payment p WHERE p.reservation_id = r.reservation_id) THEN ''
        ELSE coalesce((SELECT e.server FROM effect e WHERE e.reservation_id = r.reservation_id LIMIT 1), '') END AS server
FROM reservation r WHERE r.reservation_id = $1;
