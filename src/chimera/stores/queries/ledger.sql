-- name: known
SELECT request_hash, answer FROM reservation WHERE tenant_id = $1 AND idempotency_key = $2;

-- name: budgets
-- The limits that a spend falls under, in the order in which their counters are locked.
SELECT b.budget_id, b.scope, b.span, b.limit_amount, n.time_zone
FROM budget b JOIN tenant n USING (tenant_id)
WHERE b.tenant_id = $1 AND b.currency = $2 AND NOT b.retired AND (b.scope = 'tenant'
    OR b.scope = 'influencer' AND b.scope_id = $3 OR b.scope = 'campaign' AND b.scope_id = $4)
ORDER BY b.budget_id;

-- name: open_counters
INSERT INTO budget_counter (budget_id, span_start, tenant_id, limit_amount)
SELECT r.budget_id, r.span_start, $2, r.limit_amount
FROM jsonb_to_recordset($1::jsonb) AS r(budget_id uuid, span_start date, limit_amount numeric)
ON CONFLICT DO NOTHING;

-- name: lock_counters
SELECT c.budget_id, c.span_start, c.limit_amount, c.reserved, c.spent
FROM budget_counter c
JOIN jsonb_to_recordset($1::jsonb) AS r(budget_id uuid, span_start date) USING (budget_id, span_start)
ORDER BY c.budget_id, c.span_start
FOR UPDATE OF c;

-- name: reserve_counters
UPDATE budget_counter c SET reserved = c.reserved + $2
FROM jsonb_to_recordset($1::jsonb) AS r(budget_id uuid, span_start date)
WHERE c.budget_id = r.budget_id AND c.span_start = r.span_start;

-- name: settle_counters
UPDATE budget_counter c SET reserved = c.reserved - $2, spent = c.spent + $2
FROM jsonb_to_recordset($1::jsonb) AS r(budget_id uuid, span_start date)
WHERE c.budget_id = r.budget_id AND c.span_start = r.span_start;

-- name: release_counters
UPDATE budget_counter c SET reserved = c.reserved - $2
FROM jsonb_to_recordset($1::jsonb) AS r(budget_id uuid, span_start date)
WHERE c.budget_id = r.budget_id AND c.span_start = r.span_start;

-- name: insert_reservation
INSERT INTO reservation (reservation_id, tenant_id, agent_id, campaign_id, task_id, idempotency_key, request_hash,
    request, currency, amount, counters, answer, status)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: lock_key
-- Two requests with one key take turns; the second finds the first's answer.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: lock_reservation
SELECT reservation_id, tenant_id, agent_id, campaign_id, currency, amount, counters, answer, status
FROM reservation WHERE reservation_id = $1 FOR UPDATE;

-- name: close_reservation
UPDATE reservation SET status = $2, closed_at = now() WHERE reservation_id = $1 AND status = 'reserved';

-- name: book
INSERT INTO transaction_ledger (transaction_id, asset_id, currency, amount, compute_tokens_used,
    cfo_judge_verification, tenant_id, agent_id, campaign_id, reservation_id, entry, memo)
VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11);

-- name: post
INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id) VALUES ($1, $2, $3, $4);

-- name: note
INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body) VALUES ($1, $2, $3, $4, $5, $6);

-- name: retire_budgets
UPDATE budget SET retired = true WHERE tenant_id = $1 AND scope = $2 AND scope_id = $3;

-- name: set_budget
INSERT INTO budget (budget_id, tenant_id, scope, scope_id, span, currency, limit_amount)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, scope, scope_id, span, currency)
    DO UPDATE SET limit_amount = EXCLUDED.limit_amount, retired = false
RETURNING budget_id;

-- name: set_counter_limits
-- A new limit holds from the present span on; one below what is used in it is refused by the table itself.
UPDATE budget_counter SET limit_amount = $2 WHERE budget_id = $1 AND span_start >= $3;

-- name: time_zone
SELECT time_zone FROM tenant WHERE tenant_id = $1;
