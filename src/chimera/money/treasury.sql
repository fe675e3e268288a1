-- name: open_heads
INSERT INTO treasury (tenant_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING;

-- name: heads
-- The lock under which the money of these tenants moves.
SELECT tenant_id, sequence, hash FROM treasury WHERE tenant_id = ANY($1::uuid[]) ORDER BY tenant_id
FOR NO KEY UPDATE;

-- name: known
-- $1 wishes. What was answered under the same keys before.
SELECT i.n, r.reservation_id, r.request_hash, r.answer
FROM jsonb_to_recordset($1::jsonb) AS i(n int, tenant_id uuid, idempotency_key text)
CROSS JOIN LATERAL (SELECT v.reservation_id, v.request_hash, v.answer FROM reservation v
    WHERE v.tenant_id = i.tenant_id AND v.idempotency_key = i.idempotency_key LIMIT 1) r;

-- name: binding
-- $1 wishes, $2 now. The limits that each falls under, with what is used of them in the span that now falls in.
-- The LIMITs bound nothing: they keep the planner, which does not know how few rows there are, to the indexes.
SELECT i.n, b.budget_id, b.scope, b.scope_key, b.span, d.span_start, b.limit_amount AS "limit",
    coalesce(c.reserved, 0) AS reserved, coalesce(c.spent, 0) AS spent
FROM jsonb_to_recordset($1::jsonb) AS i(n int, tenant_id uuid, agent_id text, campaign_id text, category text,
    payee text, currency text)
JOIN tenant t ON t.tenant_id = i.tenant_id
CROSS JOIN LATERAL (VALUES ('tenant', i.tenant_id::text), ('influencer', i.agent_id), ('campaign', i.campaign_id),
    ('category', i.category), ('payee', i.payee)) AS s(scope, scope_key)
CROSS JOIN LATERAL (SELECT v.budget_id, v.scope, v.scope_key, v.span, v.limit_amount FROM budget v
    WHERE v.tenant_id = i.tenant_id AND v.scope = s.scope AND v.scope_key = s.scope_key AND v.currency = i.currency
      AND NOT v.retired LIMIT 64) b
CROSS JOIN LATERAL (SELECT CASE b.span WHEN 'day' THEN ($2::timestamptz AT TIME ZONE t.time_zone)::date
    WHEN 'month' THEN date_trunc('month', $2::timestamptz AT TIME ZONE t.time_zone)::date
    ELSE DATE '1970-01-01' END AS span_start) d
LEFT JOIN LATERAL (SELECT v.reserved, v.spent FROM budget_counter v
    WHERE v.budget_id = b.budget_id AND v.span_start = d.span_start LIMIT 1) c ON true
ORDER BY i.n, b.budget_id;

-- name: surroundings
-- $1 wishes, $2 now. Per tenant: its policy's rules for anomalies, and the wallets that money must not go in circles through.
SELECT t.tenant_id, t.policy_hash, p.body -> 'anomalies' AS anomalies,
    ARRAY(SELECT lower(w.address) FROM wallet w WHERE w.tenant_id = t.tenant_id)
        || ARRAY(SELECT DISTINCT lower(m.sender) FROM chain_movement m
            WHERE m.tenant_id = t.tenant_id AND m.seen_at > $2::timestamptz - interval '30 days') AS payers
FROM tenant t JOIN policy_version p ON p.tenant_id = t.tenant_id AND p.policy_hash = t.policy_hash
WHERE t.tenant_id IN (SELECT i.tenant_id FROM jsonb_to_recordset($1::jsonb) AS i(tenant_id uuid));

-- name: habits
-- $1 wishes, $2 now. The latest spends of every payer in the currency it asks for.
SELECT i.payer, i.currency, r.amount, r.payee, r.created_at AS at
FROM (SELECT DISTINCT w.payer, w.currency FROM jsonb_to_recordset($1::jsonb) AS w(payer uuid, currency text)) i
CROSS JOIN LATERAL (SELECT v.amount, v.payee, v.created_at FROM reservation v
    WHERE coalesce(v.agent_id, v.tenant_id) = i.payer AND v.currency = i.currency
      AND v.status IN ('pending', 'posted') AND v.category NOT IN ('compute', 'fees')
      AND v.created_at > $2::timestamptz - interval '30 days'
    ORDER BY v.created_at DESC LIMIT 200) r;

-- name: vouched
-- $1 wishes. The payees that the campaign's brief names, and the accepted flags that each let one spend through. A
-- flag on a bill that was too high vouches for nothing.
SELECT i.n, ARRAY(SELECT p ->> 'wallet' FROM campaign c, jsonb_array_elements(c.brief -> 'promotions') p
        WHERE c.campaign_id = i.campaign_id) AS payees,
    ARRAY(SELECT f.flag_id FROM spend_flag f JOIN reservation r USING (reservation_id)
        WHERE f.status = 'accepted' AND r.status = 'refused' AND f.tenant_id = i.tenant_id
          AND coalesce(r.agent_id, r.tenant_id) = i.payer AND r.currency = i.currency AND r.payee = i.payee
          AND r.amount >= i.amount
        ORDER BY f.decided_at) AS flags
FROM jsonb_to_recordset($1::jsonb) AS i(n int, tenant_id uuid, payer uuid, campaign_id uuid, currency text, payee text,
    amount numeric);

-- name: payers
-- $1 ids. Whose transfers may be closed.
SELECT DISTINCT r.tenant_id FROM reservation r WHERE r.reservation_id = ANY($1::uuid[]) AND r.status = 'pending';

-- name: pending
-- $1 ids. Transfers that may be closed, read under their treasuries' locks: what they are held on may change before.
SELECT r.reservation_id, r.tenant_id, r.agent_id, r.campaign_id, r.task_id, r.category, r.payee, r.currency, r.amount, r.counters,
    r.verification
FROM reservation r WHERE r.reservation_id = ANY($1::uuid[]) AND r.status = 'pending'
ORDER BY r.reservation_id FOR NO KEY UPDATE;

-- name: held
-- $1 counters. What is used of them now; the treasury's lock keeps it so.
SELECT b.budget_id, b.scope, b.scope_key, b.span, c.span_start, c.limit_amount AS "limit", c.reserved, c.spent
FROM jsonb_to_recordset($1::jsonb) AS k(budget_id uuid, span_start date)
JOIN budget_counter c USING (budget_id, span_start) JOIN budget b USING (budget_id)
ORDER BY b.budget_id, c.span_start;

-- name: write
-- Everything that a batch has decided, in one statement. $1 counters $2 reservations $3 closings $4 accounts
-- $5 transactions $6 postings $7 events $8 notes $9 heads $10 flags $11 used flags
WITH counted AS (
    INSERT INTO budget_counter AS c (budget_id, span_start, tenant_id, limit_amount, reserved, spent)
    SELECT budget_id, span_start, tenant_id, limit_amount, reserved, spent FROM jsonb_to_recordset($1::jsonb)
        AS r(budget_id uuid, span_start date, tenant_id uuid, limit_amount numeric, reserved numeric, spent numeric)
    ON CONFLICT (budget_id, span_start) DO UPDATE SET reserved = EXCLUDED.reserved, spent = EXCLUDED.spent
), reserved AS (
    INSERT INTO reservation (reservation_id, tenant_id, agent_id, campaign_id, task_id, idempotency_key, request_hash,
        request, category, payee, currency, amount, counters, answer, verification, status, expires_at, created_at)
    SELECT reservation_id, tenant_id, agent_id, campaign_id, task_id, idempotency_key, request_hash, request, category,
        payee, currency, amount, counters, answer, verification, status, expires_at, created_at
    FROM jsonb_to_recordset($2::jsonb) AS r(reservation_id uuid, tenant_id uuid, agent_id uuid,
        campaign_id uuid, task_id uuid, idempotency_key text, request_hash text, request jsonb, category text,
        payee text, currency text, amount numeric, counters jsonb, answer jsonb, verification text, status text,
        expires_at timestamptz, created_at timestamptz)
), closed AS (
    UPDATE reservation v SET status = r.status, paid = r.paid, reference = r.reference, doubt = NULL, closed_at = now()
    FROM jsonb_to_recordset($3::jsonb) AS r(reservation_id uuid, status text, paid numeric, reference text)
    WHERE v.reservation_id = r.reservation_id
), opened AS (
    INSERT INTO account (tenant_id, code, kind, agent_id, campaign_id, category, party)
    SELECT DISTINCT tenant_id, code, kind, agent_id, campaign_id, category, party
    FROM jsonb_to_recordset($4::jsonb) AS r(tenant_id uuid, code text, kind text, agent_id uuid,
        campaign_id uuid, category text, party text)
    ON CONFLICT DO NOTHING
), booked AS (
    INSERT INTO transaction_ledger (transaction_id, asset_id, currency, amount, compute_tokens_used,
        cfo_judge_verification, tenant_id, agent_id, campaign_id, reservation_id, entry, memo, "timestamp")
    SELECT transaction_id, asset_id, currency, amount, compute_tokens_used, cfo_judge_verification, tenant_id, agent_id,
        campaign_id, reservation_id, entry, memo, at
    FROM jsonb_to_recordset($5::jsonb) AS r(transaction_id uuid, asset_id uuid, currency text, amount numeric,
        compute_tokens_used int, cfo_judge_verification text, tenant_id uuid, agent_id uuid, campaign_id uuid,
        reservation_id uuid, entry text, memo text, at timestamptz)
), posted AS (
    INSERT INTO ledger_posting (transaction_id, account, amount, tenant_id)
    SELECT transaction_id, account, amount, tenant_id
    FROM jsonb_to_recordset($6::jsonb) AS r(transaction_id uuid, account text, amount numeric, tenant_id uuid)
), chained AS (
    INSERT INTO money_event (tenant_id, sequence, hash, body)
    SELECT tenant_id, sequence, hash, body
    FROM jsonb_to_recordset($7::jsonb) AS r(tenant_id uuid, sequence bigint, hash text, body text)
), noted AS (
    INSERT INTO audit_event (event_id, tenant_id, actor, action, subject, body)
    SELECT event_id, tenant_id, actor, action, subject, body
    FROM jsonb_to_recordset($8::jsonb) AS r(event_id uuid, tenant_id uuid, actor text, action text,
        subject text, body jsonb)
), flagged AS (
    INSERT INTO spend_flag (flag_id, tenant_id, reservation_id, reasons)
    SELECT flag_id, tenant_id, reservation_id, reasons FROM jsonb_to_recordset($10::jsonb)
        AS r(flag_id uuid, tenant_id uuid, reservation_id uuid, reasons text[])
), used AS (
    UPDATE spend_flag SET status = 'used' WHERE flag_id = ANY($11::uuid[])
)
UPDATE treasury t SET sequence = r.sequence, hash = r.hash
FROM jsonb_to_recordset($9::jsonb) AS r(tenant_id uuid, sequence bigint, hash text)
WHERE t.tenant_id = r.tenant_id;

-- name: answered
SELECT reservation_id, answer FROM reservation WHERE tenant_id = $1 AND idempotency_key = $2;

-- name: expiring
-- What is in doubt waits for a human instead.
SELECT reservation_id FROM reservation WHERE status = 'pending' AND expires_at <= $1 AND doubt IS NULL
ORDER BY expires_at LIMIT $2;

-- name: doubt
-- Nobody knows what became of it: it keeps its reservation until a human closes it.
UPDATE reservation SET doubt = $2 WHERE reservation_id = $1 AND status = 'pending' RETURNING tenant_id;

-- name: idle
-- Authorised for tasks that have ended since, without anything on its way that would spend it.
SELECT r.reservation_id FROM reservation r JOIN task t USING (task_id)
WHERE r.status = 'pending' AND r.category NOT IN ('compute', 'fees') AND r.created_at < $1
  AND r.idempotency_key = 'task-' || r.task_id AND r.doubt IS NULL
  AND t.status IN ('rejected', 'failed', 'stale', 'cancelled', 'dead_letter')
  AND NOT EXISTS (SELECT FROM effect e WHERE e.reservation_id = r.reservation_id AND e.status <> 'failed')
ORDER BY r.created_at LIMIT $2;

-- name: lost
-- Model calls whose process must be dead by now, as they ended in neither way. What an outside caller asked for
-- expires instead, and whoever has one in hand now is ending it.
WITH gone AS MATERIALIZED (
    SELECT reservation_id FROM reservation
    WHERE status = 'pending' AND category = 'compute' AND doubt IS NULL AND expires_at IS NULL AND created_at < $1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE reservation r SET doubt = 'whoever asked is gone: nobody knows what the call cost'
FROM gone WHERE r.reservation_id = gone.reservation_id
RETURNING r.reservation_id, r.tenant_id;
