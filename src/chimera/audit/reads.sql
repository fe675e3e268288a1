-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: events
SELECT event_id, at, actor, action, subject, body FROM audit_event
WHERE ($1::uuid IS NULL OR event_id < $1) AND ($3::text IS NULL OR subject = $3)
ORDER BY event_id DESC LIMIT $2;
