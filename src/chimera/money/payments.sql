-- name: due
-- A transfer with the fee that was reserved for it and the payment that was ordered, as far as it has come.
SELECT r.reservation_id, r.tenant_id, r.agent_id, r.campaign_id, r.task_id, r.status, r.category, r.payee, r.currency,
    r.amount, r.verification, r.request ->> 'purpose' AS purpose, p.payment_order, p.signature,
    CASE p.status WHEN 'confirmed' THEN p.tx_hash END AS tx_hash, f.reservation_id AS fee_id, f.amount AS max_fee, f.currency AS fee_currency
FROM reservation r LEFT JOIN payment p USING (reservation_id)
LEFT JOIN reservation f ON f.tenant_id = r.tenant_id AND f.status = 'pending'
    AND f.idempotency_key = 'fee-' || r.reservation_id
WHERE r.reservation_id = $1;

-- name: keep_order
-- The first order stands: whoever comes second carries out the same one.
INSERT INTO payment (reservation_id, tenant_id, agent_id, fee_reservation_id, payment_order, signature, status)
VALUES ($1, $2, $3, $4, $5, $6, 'ordered') ON CONFLICT (reservation_id) DO NOTHING;

-- name: close_payment
UPDATE payment SET status = $2, tx_hash = $3, receipt = $4, closed_at = now()
WHERE reservation_id = $1 AND status = 'ordered' RETURNING fee_reservation_id, tenant_id, agent_id;

-- name: stray_fees
-- Held for transfers that were cancelled or refused before anything was signed for them.
SELECT f.reservation_id AS fee_id, r.reservation_id FROM reservation f JOIN reservation r
    ON r.reservation_id = CASE WHEN f.idempotency_key LIKE 'fee-%' THEN substr(f.idempotency_key, 5)::uuid END
WHERE f.status = 'pending' AND f.category = 'fees' AND r.status IN ('voided', 'expired')
ORDER BY f.reservation_id LIMIT 500;

-- name: give_up
UPDATE payment SET status = 'refused', closed_at = now() WHERE reservation_id = ANY($1::uuid[]) AND status = 'ordered';

-- name: open_wallet
INSERT INTO wallet (agent_id, tenant_id, address) VALUES ($1, $2, $3) ON CONFLICT (agent_id) DO NOTHING;

-- name: wallet
-- Locked, so that two readers of the chain do not book the same movements.
SELECT address, next_block FROM wallet WHERE agent_id = $1 AND tenant_id = $2 FOR NO KEY UPDATE;

-- name: advance
UPDATE wallet SET next_block = greatest(next_block, $2) WHERE agent_id = $1;

-- name: record_movement
-- What came in, once; what went out is booked by the payment that it belongs to.
INSERT INTO chain_movement (tenant_id, agent_id, tx_hash, log_index, block, sender, recipient, currency, amount)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING tx_hash;

-- name: known_payment
-- What went out is one of our payments, or may be one whose end we have not heard of yet.
SELECT EXISTS (SELECT FROM payment WHERE tenant_id = $1 AND tx_hash = $2) OR EXISTS (
    SELECT FROM payment p JOIN reservation r USING (reservation_id)
    WHERE p.agent_id = $3 AND p.status = 'ordered' AND r.status = 'pending' AND lower(r.payee) = lower($4)
      AND r.currency = $5 AND r.amount = $6);
