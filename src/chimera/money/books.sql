-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: today
SELECT time_zone, (now() AT TIME ZONE time_zone)::date AS today FROM tenant;

-- name: lines
-- $1 the first day, $2 the day after the last one, $3 an influencer, $4 a campaign, $5 apart by: influencer, campaign.
SELECT w.whose, a.kind, split_part(a.code, ':', 1) AS head, a.category, a.party, f.persona AS holder, t.currency,
    coalesce(sum(p.amount) FILTER (WHERE t."timestamp" < s.first), 0) AS opening,
    coalesce(sum(p.amount) FILTER (WHERE t."timestamp" >= s.first), 0) AS movement,
    sum(p.amount) AS closing
FROM tenant n
CROSS JOIN LATERAL (SELECT $1::date::timestamp AT TIME ZONE n.time_zone AS first,
    $2::date::timestamp AT TIME ZONE n.time_zone AS over) s
JOIN transaction_ledger t ON t.tenant_id = n.tenant_id AND t."timestamp" < s.over
JOIN ledger_posting p ON p.transaction_id = t.transaction_id
JOIN account a ON a.tenant_id = p.tenant_id AND a.code = p.account
LEFT JOIN influencer f ON f.agent_id = a.agent_id AND a.kind IN ('asset', 'income')
CROSS JOIN LATERAL (SELECT CASE $5::text WHEN 'influencer' THEN t.agent_id WHEN 'campaign' THEN t.campaign_id END
    AS whose) w
WHERE ($3::uuid IS NULL OR t.agent_id = $3) AND ($4::uuid IS NULL OR t.campaign_id = $4)
  AND ($5::text = '' OR w.whose IS NOT NULL)
GROUP BY w.whose, a.kind, split_part(a.code, ':', 1), a.category, a.party, f.persona, t.currency
ORDER BY w.whose, t.currency, a.kind, 3, a.category, a.party, f.persona;

-- name: influencer
SELECT persona AS name FROM influencer WHERE agent_id = $1;

-- name: campaign
SELECT name FROM campaign WHERE campaign_id = $1;

-- name: influencers
SELECT agent_id AS id, persona AS name FROM influencer WHERE agent_id = ANY($1::uuid[]) ORDER BY persona, agent_id;

-- name: campaigns
SELECT c.campaign_id AS id, CASE WHEN c.standing THEN c.name || ' (' || f.persona || ')' ELSE c.name END AS name
FROM campaign c JOIN influencer f USING (agent_id) WHERE c.campaign_id = ANY($1::uuid[])
ORDER BY c.campaign_id DESC;

-- name: burning
-- The limits in force with their present span and what is used of them.
SELECT b.budget_id, b.scope, b.scope_key, b.span, b.currency, b.limit_amount,
    coalesce(c.reserved, 0) AS reserved, coalesce(c.spent, 0) AS spent, now() AS at,
    CASE b.scope WHEN 'tenant' THEN 'Whole fleet'
        WHEN 'influencer' THEN (SELECT f.persona FROM influencer f WHERE f.agent_id::text = b.scope_key)
        WHEN 'campaign' THEN (SELECT g.name FROM campaign g WHERE g.campaign_id::text = b.scope_key) END AS name,
    CASE WHEN b.span <> 'total' THEN s.first::timestamp AT TIME ZONE n.time_zone END AS since,
    CASE b.span WHEN 'day' THEN (s.first + 1)::timestamp AT TIME ZONE n.time_zone
        WHEN 'month' THEN (s.first + interval '1 month') AT TIME ZONE n.time_zone END AS until
FROM budget b JOIN tenant n USING (tenant_id)
CROSS JOIN LATERAL (SELECT CASE b.span WHEN 'day' THEN (now() AT TIME ZONE n.time_zone)::date
    WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE n.time_zone)::date
    ELSE DATE '1970-01-01' END AS first) s
LEFT JOIN budget_counter c ON c.budget_id = b.budget_id AND c.span_start = s.first
WHERE NOT b.retired AND b.span <> 'transaction'
ORDER BY b.scope <> 'tenant', coalesce(c.reserved + c.spent, 0) / nullif(b.limit_amount, 0) DESC, b.budget_id LIMIT $1;

-- name: burned
-- $1 limits. What was used of each over time, in at most $2 steps: what a transfer took from a limit when it was
-- reserved, and gave back when it ended.
WITH present AS (
    SELECT b.budget_id, CASE b.span WHEN 'day' THEN (now() AT TIME ZONE n.time_zone)::date
        WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE n.time_zone)::date
        ELSE DATE '1970-01-01' END AS span_start
    FROM budget b JOIN tenant n USING (tenant_id) WHERE b.budget_id = ANY($1::uuid[])
), moved AS (
    SELECT p.budget_id, t."timestamp" AS at, t.transaction_id,
        CASE t.entry WHEN 'pending' THEN r.amount WHEN 'posted' THEN r.paid - r.amount ELSE -r.amount END AS change
    FROM reservation r
    CROSS JOIN LATERAL jsonb_to_recordset(r.counters) AS k(budget_id uuid, span_start date)
    JOIN present p ON p.budget_id = k.budget_id AND p.span_start = k.span_start
    JOIN transaction_ledger t ON t.reservation_id = r.reservation_id AND t.tenant_id = r.tenant_id
        AND t.entry IN ('pending', 'posted', 'voided', 'expired')
    WHERE r.status <> 'refused'
), counted AS (
    SELECT budget_id, at, sum(change) OVER line AS used, row_number() OVER line AS step,
        count(*) OVER (PARTITION BY budget_id) AS steps
    FROM moved WINDOW line AS (PARTITION BY budget_id ORDER BY at, transaction_id)
)
SELECT budget_id, at, used FROM counted
WHERE step = 1 OR step = steps OR step % greatest(1, steps / $2::bigint) = 0 ORDER BY budget_id, step;

-- name: accounts
-- Every account with its balance in each currency, oldest first.
SELECT a.code, a.kind, f.persona, c.name AS campaign, a.category, a.party, s.currency, s.balance
FROM (SELECT p.account, t.currency, sum(p.amount) AS balance FROM ledger_posting p
    JOIN transaction_ledger t USING (transaction_id) GROUP BY p.account, t.currency) s
JOIN account a ON a.code = s.account
LEFT JOIN influencer f ON f.agent_id = a.agent_id LEFT JOIN campaign c ON c.campaign_id = a.campaign_id
ORDER BY a.opened_at, a.code, s.currency;

-- name: days
SELECT min((t."timestamp" AT TIME ZONE n.time_zone)::date) AS first,
    max((t."timestamp" AT TIME ZONE n.time_zone)::date) AS last
FROM transaction_ledger t JOIN tenant n USING (tenant_id);

-- name: journal
SELECT t.transaction_id, t."timestamp" AS at, (t."timestamp" AT TIME ZONE n.time_zone)::date AS day, t.entry,
    t.currency, f.persona, c.name AS campaign, t.reservation_id, t.asset_id, t.cfo_judge_verification AS verification,
    t.memo, p.accounts, p.amounts
FROM transaction_ledger t JOIN tenant n ON n.tenant_id = t.tenant_id
LEFT JOIN influencer f ON f.agent_id = t.agent_id LEFT JOIN campaign c ON c.campaign_id = t.campaign_id
CROSS JOIN LATERAL (SELECT array_agg(l.account ORDER BY l.account) AS accounts,
    array_agg(l.amount ORDER BY l.account) AS amounts
    FROM ledger_posting l WHERE l.transaction_id = t.transaction_id) p
ORDER BY t.transaction_id;

-- name: evidence
SELECT tenant_id, sequence, hash, body FROM money_event ORDER BY sequence;

-- name: head
SELECT tenant_id, sequence, hash FROM treasury;
