-- name: note
INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body) VALUES ($1, $2, $3, $4, $5, $6);
