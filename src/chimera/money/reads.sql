-- Everything here runs under the caller's tenant: row-level security does the filtering.

-- name: transactions
SELECT transaction_id, asset_id, agent_id, campaign_id, entry, currency, amount, compute_tokens_used, "timestamp",
    cfo_judge_verification, memo
FROM transaction_ledger
WHERE ($1::uuid IS NULL OR transaction_id < $1) AND ($3::uuid IS NULL OR asset_id = $3)
ORDER BY transaction_id DESC LIMIT $2;

-- name: spends
SELECT reservation_id, task_id, campaign_id, status, request, answer, doubt, created_at FROM reservation
WHERE ($1::uuid IS NULL OR reservation_id < $1)
  AND CASE WHEN $3::boolean THEN doubt IS NOT NULL AND status = 'pending' ELSE category NOT IN ('compute', 'fees') END
ORDER BY reservation_id DESC LIMIT $2;

-- name: limits
SELECT b.budget_id, b.scope, b.scope_key, b.span, b.currency, b.limit_amount,
    coalesce(c.reserved, 0) AS reserved, coalesce(c.spent, 0) AS spent
FROM budget b JOIN tenant n USING (tenant_id)
LEFT JOIN budget_counter c ON c.budget_id = b.budget_id AND c.span_start = CASE b.span
    WHEN 'day' THEN (now() AT TIME ZONE n.time_zone)::date
    WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE n.time_zone)::date
    ELSE DATE '1970-01-01' END
WHERE NOT b.retired
ORDER BY b.scope DESC, b.span, b.currency, b.budget_id LIMIT $1;

-- name: payer
SELECT f.agent_id FROM influencer f LEFT JOIN campaign c ON c.agent_id = f.agent_id AND c.campaign_id = $2::uuid
WHERE ($1::text IS NULL OR f.persona = $1) AND ($2::uuid IS NULL OR c.campaign_id IS NOT NULL) LIMIT 1;

-- name: unbalanced
-- Transactions that do not sum to zero: there are none, and whoever doubts it can ask.
SELECT count(*) FROM (SELECT l.transaction_id FROM transaction_ledger l
    LEFT JOIN ledger_posting p USING (transaction_id)
    GROUP BY l.transaction_id HAVING coalesce(sum(p.amount), 1) <> 0) x;
