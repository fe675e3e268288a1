-- name: in_force
-- The limits of one scope that bind now.
SELECT budget_id, span, currency, limit_amount FROM budget
WHERE tenant_id = $1 AND scope = $2 AND scope_key = $3 AND NOT retired ORDER BY budget_id;

-- name: keys
-- The categories or payees that have limits.
SELECT DISTINCT scope_key FROM budget WHERE tenant_id = $1 AND scope = $2 AND NOT retired ORDER BY scope_key;

-- name: counters
-- $4 now. Every counter of one scope that is not long over, with the limit that it is under.
SELECT b.budget_id, b.scope, b.scope_key, b.span, c.span_start, c.limit_amount AS "limit", c.reserved, c.spent
FROM budget b JOIN budget_counter c USING (budget_id)
WHERE b.tenant_id = $1 AND b.scope = $2 AND b.scope_key = $3
  AND (b.span IN ('total') OR c.span_start >= date_trunc('month', $4::timestamptz - interval '1 day')::date)
ORDER BY b.budget_id, c.span_start;

-- name: all
SELECT budget_id, scope, scope_key, span, currency, limit_amount AS amount, retired FROM budget
WHERE tenant_id = $1 AND scope = $2 AND scope_key = $3 ORDER BY budget_id;

-- name: retire
UPDATE budget SET retired = true WHERE tenant_id = $1 AND scope = $2 AND scope_key = $3;

-- name: set
INSERT INTO budget (budget_id, tenant_id, scope, scope_key, span, currency, limit_amount)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, scope, scope_key, span, currency)
    DO UPDATE SET limit_amount = EXCLUDED.limit_amount, retired = false
RETURNING budget_id;

-- name: set_counters
-- $3 now. A new limit holds for every span that is not over; one below what is used in it is refused by the table
-- itself.
UPDATE budget_counter c SET limit_amount = $2
FROM budget b JOIN tenant t USING (tenant_id)
WHERE c.budget_id = $1 AND b.budget_id = c.budget_id AND c.span_start >= CASE b.span
    WHEN 'day' THEN ($3::timestamptz AT TIME ZONE t.time_zone)::date
    WHEN 'month' THEN date_trunc('month', $3::timestamptz AT TIME ZONE t.time_zone)::date
    ELSE DATE '1970-01-01' END;

-- name: count_in
-- $1 a limit that binds anew, $2 now. Its counter of the present span counts what was reserved and spent under it
-- while it did not bind: pending transfers are adopted, so that ending them moves this counter too, and what the
-- posted ones paid is spent. Gives the adopted ones; a limit below what is used is refused by the table itself.
WITH fresh AS (
    SELECT b.budget_id, b.tenant_id, b.scope, b.scope_key, b.span, b.currency, b.limit_amount, t.time_zone, d.span_start,
        jsonb_build_array(jsonb_build_object('budget_id', b.budget_id, 'span_start', d.span_start)) AS mark
    FROM budget b JOIN tenant t USING (tenant_id)
    CROSS JOIN LATERAL (SELECT CASE b.span WHEN 'day' THEN ($2::timestamptz AT TIME ZONE t.time_zone)::date
        WHEN 'month' THEN date_trunc('month', $2::timestamptz AT TIME ZONE t.time_zone)::date
        ELSE DATE '1970-01-01' END AS span_start) d
    WHERE b.budget_id = $1
), below AS (
    SELECT r.reservation_id, r.status, r.paid, r.counters @> f.mark AS named
    FROM fresh f JOIN reservation r ON r.tenant_id = f.tenant_id AND r.currency = f.currency
        AND r.status IN ('pending', 'posted')
        AND f.scope_key = CASE f.scope WHEN 'tenant' THEN r.tenant_id::text WHEN 'influencer' THEN r.agent_id::text
            WHEN 'campaign' THEN r.campaign_id::text WHEN 'category' THEN r.category ELSE r.payee END
        AND (r.counters @> f.mark OR f.span_start = CASE f.span
            WHEN 'day' THEN (r.created_at AT TIME ZONE f.time_zone)::date
            WHEN 'month' THEN date_trunc('month', r.created_at AT TIME ZONE f.time_zone)::date
            ELSE f.span_start END)
), adopted AS (
    UPDATE reservation r SET counters = r.counters || f.mark FROM fresh f, below u
    WHERE u.status = 'pending' AND NOT u.named AND r.reservation_id = u.reservation_id
    RETURNING r.reservation_id, r.amount
), used AS (
    SELECT (SELECT coalesce(sum(amount), 0) FROM adopted) AS reserved,
        (SELECT coalesce(sum(paid), 0) FROM below WHERE status = 'posted') AS spent
), counted AS (
    INSERT INTO budget_counter AS c (budget_id, span_start, tenant_id, limit_amount, reserved, spent)
    SELECT f.budget_id, f.span_start, f.tenant_id, f.limit_amount, u.reserved, u.spent FROM fresh f, used u
    WHERE u.reserved + u.spent > 0
    ON CONFLICT (budget_id, span_start) DO UPDATE SET reserved = c.reserved + EXCLUDED.reserved, spent = EXCLUDED.spent
)
SELECT a.reservation_id, f.budget_id, f.span_start FROM adopted a, fresh f ORDER BY a.reservation_id;

-- name: time_zone
SELECT time_zone FROM tenant WHERE tenant_id = $1;

-- name: propose
INSERT INTO limit_change (change_id, tenant_id, scope, scope_key, limits, proposed_by) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING change_id;

-- name: withdraw
-- What was proposed for a scope is overtaken by limits that need nobody's leave.
UPDATE limit_change SET status = 'withdrawn', decided_at = now()
WHERE tenant_id = $1 AND scope = $2 AND scope_key = $3 AND status = 'waiting';

-- name: lock_change
SELECT change_id, scope, scope_key, limits, status, proposed_by FROM limit_change
WHERE tenant_id = $1 AND change_id = $2 FOR NO KEY UPDATE;

-- name: decide_change
UPDATE limit_change SET status = $2, decided_by = $3, decided_at = now() WHERE change_id = $1;

-- name: changes
SELECT change_id, scope, scope_key, limits, status, proposed_by, decided_by, proposed_at, decided_at FROM limit_change
WHERE tenant_id = $1 AND ($3::uuid IS NULL OR change_id < $3) ORDER BY change_id DESC LIMIT $2;

-- name: flags
SELECT f.flag_id, f.reservation_id, f.reasons, r.status <> 'refused' AS disputed, f.status, f.decided_by, f.created_at, f.decided_at, r.agent_id,
    r.campaign_id, r.payee, r.currency, r.amount, r.request ->> 'purpose' AS purpose
FROM spend_flag f JOIN reservation r USING (reservation_id)
WHERE f.tenant_id = $1 AND ($3::uuid IS NULL OR f.flag_id < $3) ORDER BY f.flag_id DESC LIMIT $2;

-- name: decide_flag
UPDATE spend_flag SET status = $3, decided_by = $4, decided_at = now()
WHERE tenant_id = $1 AND flag_id = $2 AND status = 'open' RETURNING reservation_id;
