-- Sealing runs across tenants, one sealer at a time; everything that is read for somebody runs under their tenant.

-- name: alone
SELECT pg_try_advisory_xact_lock($1);

-- name: horizon
-- Where to look from and to, and below which transaction nothing turns up any more. A database that was restored into
-- another server counts its transactions anew: then the watermark means nothing, and everything is looked at.
SELECT CASE WHEN r.restored THEN '0' ELSE w.sealed_before::text END AS since,
    CASE WHEN r.restored THEN '18446744073709551615' ELSE pg_snapshot_xmax(s)::text END AS until,
    pg_snapshot_xmin(s)::text AS settled, r.restored, clock_timestamp() AS at
FROM log_watermark w CROSS JOIN pg_current_snapshot() s
CROSS JOIN LATERAL (SELECT w.sealed_before > pg_snapshot_xmax(s) AS restored) r;

-- name: by_index
-- Statistics of a log that was empty when they were made must not have it read from end to end for every row.
SELECT set_config('enable_seqscan', 'off', true);

-- name: page
-- $1 and $2 the transaction and the row to go on from, $3 the transaction to stop at, $4 at most. The next rows in the
-- order of their transactions, and which of them are sealed already.
WITH page AS MATERIALIZED (SELECT u.* FROM (
    (SELECT tenant_id, 'audit_event' AS kind, event_id AS subject_id, xact FROM audit_event
        WHERE (xact, event_id) >= ($1::text::xid8, $2::uuid) AND xact < $3::text::xid8 ORDER BY xact, event_id LIMIT $4)
    UNION ALL (SELECT tenant_id, 'asset' AS kind, asset_id AS subject_id, xact FROM asset
        WHERE (xact, asset_id) >= ($1::text::xid8, $2::uuid) AND xact < $3::text::xid8 ORDER BY xact, asset_id LIMIT $4)
    UNION ALL (SELECT tenant_id, 'generation_log' AS kind, log_id AS subject_id, xact FROM generation_log
        WHERE (xact, log_id) >= ($1::text::xid8, $2::uuid) AND xact < $3::text::xid8 ORDER BY xact, log_id LIMIT $4)
    UNION ALL (SELECT tenant_id, 'provenance' AS kind, provenance_id AS subject_id, xact FROM provenance
        WHERE (xact, provenance_id) >= ($1::text::xid8, $2::uuid) AND xact < $3::text::xid8 ORDER BY xact, provenance_id LIMIT $4)
    UNION ALL (SELECT tenant_id, 'publication' AS kind, publication_id AS subject_id, xact FROM publication
        WHERE (xact, publication_id) >= ($1::text::xid8, $2::uuid) AND xact < $3::text::xid8 ORDER BY xact, publication_id LIMIT $4)
    UNION ALL (SELECT tenant_id, 'transaction_ledger' AS kind, transaction_id AS subject_id, xact FROM transaction_ledger
        WHERE (xact, transaction_id) >= ($1::text::xid8, $2::uuid) AND xact < $3::text::xid8 ORDER BY xact, transaction_id LIMIT $4)
    ) u ORDER BY u.xact, u.subject_id LIMIT $4)
SELECT p.tenant_id, p.kind, p.subject_id, p.xact::text AS xact, s.sealed IS NOT NULL AS sealed FROM page p
LEFT JOIN LATERAL (SELECT true AS sealed FROM log_leaf l
    WHERE l.tenant_id = p.tenant_id AND l.subject_id = p.subject_id AND l.kind = p.kind LIMIT 1) s ON true
ORDER BY p.xact, p.subject_id;

-- name: contents
SELECT r.tenant_id, r.kind, r.subject_id, r.content::text AS content FROM log_rows() r
WHERE r.subject_id = ANY($1::uuid[]);

-- name: heads
-- $1 tenants left out. Where chains of money events end, when that is not sealed yet.
SELECT t.tenant_id, t.sequence, t.hash FROM treasury t
WHERE t.sequence > 0 AND t.tenant_id <> ALL($1::uuid[]) AND NOT EXISTS (SELECT FROM log_leaf l
    WHERE l.tenant_id = t.tenant_id AND l.kind = 'money_head'
      AND l.subject_id = lpad(to_hex(t.sequence), 32, '0')::uuid);

-- name: states
-- $1 tenants. Where their logs stand, and whether there are leaves beyond the last checkpoint, which cannot be.
SELECT i.tenant_id, coalesce(c.size, 0) AS size, c.root, c.note,
    EXISTS (SELECT FROM log_leaf l WHERE l.tenant_id = i.tenant_id AND l.idx >= coalesce(c.size, 0)) AS beyond
FROM unnest($1::uuid[]) AS i(tenant_id)
LEFT JOIN LATERAL (SELECT v.size, v.root, v.note FROM log_checkpoint v WHERE v.tenant_id = i.tenant_id
    ORDER BY v.size DESC LIMIT 1) c ON true;

-- name: pieces
-- $1 tenants, $2 levels, $3 indexes, side by side. Stored hashes; those of level 0 are the leaves. The LIMIT bounds
-- nothing: it keeps the planner to the indexes, however many are asked for.
SELECT i.tenant_id, i.level, i.idx, h.hash
FROM unnest($1::uuid[], $2::smallint[], $3::bigint[]) AS i(tenant_id, level, idx)
CROSS JOIN LATERAL (
    SELECT l.leaf_hash AS hash FROM log_leaf l WHERE i.level = 0 AND l.tenant_id = i.tenant_id AND l.idx = i.idx
    UNION ALL
    SELECT n.hash FROM log_node n WHERE n.tenant_id = i.tenant_id AND n.level = i.level AND n.idx = i.idx
    LIMIT 1) h;

-- name: add_leaves
INSERT INTO log_leaf (tenant_id, idx, kind, subject_id, leaf_hash, marks)
SELECT r.tenant_id, r.idx, r.kind, r.subject_id, r.leaf_hash, r.marks
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::bytea[], $6::bytea[])
    AS r(tenant_id, idx, kind, subject_id, leaf_hash, marks);

-- name: add_nodes
INSERT INTO log_node (tenant_id, level, idx, hash)
SELECT r.tenant_id, r.level, r.idx, r.hash
FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bytea[]) AS r(tenant_id, level, idx, hash);

-- name: add_checkpoints
INSERT INTO log_checkpoint (tenant_id, size, root, sealed_at, note, public_key)
SELECT r.tenant_id, r.size, r.root, r.sealed_at, r.note, $6
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::timestamptz[], $5::text[])
    AS r(tenant_id, size, root, sealed_at, note);

-- name: advance
-- $1 the transaction, $2 whether what is there counts nothing. Otherwise whoever is further is right.
UPDATE log_watermark
SET sealed_before = CASE WHEN $2 THEN $1::text::xid8 ELSE greatest(sealed_before, $1::text::xid8) END;

-- name: checkpoints
-- $1 largest size or null, $2 at most. Newest first.
SELECT c.tenant_id, c.size, encode(c.root, 'hex') AS root, c.sealed_at, c.note, c.public_key
FROM log_checkpoint c WHERE c.tenant_id = $3 AND ($1::bigint IS NULL OR c.size <= $1) ORDER BY c.size DESC LIMIT $2;

-- name: anchors
-- $1 tenant, $2 and $3 the smallest and the largest size.
SELECT a.size, a.chain_id, a.tx_hash, a.block, encode(a.batch_root, 'hex') AS batch_root, a.batch_index AS index,
    a.batch_size AS count, ARRAY(SELECT encode(p.hash, 'hex') FROM unnest(a.path) WITH ORDINALITY AS p(hash, n)
        ORDER BY p.n) AS path, a.read_back_at
FROM log_anchor a WHERE a.tenant_id = $1 AND a.size BETWEEN $2 AND $3 ORDER BY a.size, a.read_back_at;

-- name: place
SELECT idx, leaf_hash FROM log_leaf WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3;

-- name: outline
-- $1 tenant.
SELECT coalesce((SELECT max(c.size) FROM log_checkpoint c WHERE c.tenant_id = $1), 0) AS size,
    coalesce((SELECT max(a.size) FROM log_anchor a WHERE a.tenant_id = $1), 0) AS anchored,
    (SELECT split_part(c.note, E'\n', 1) FROM log_checkpoint c WHERE c.tenant_id = $1 ORDER BY c.size DESC LIMIT 1)
        AS origin,
    ARRAY(SELECT DISTINCT c.public_key FROM log_checkpoint c WHERE c.tenant_id = $1 ORDER BY 1) AS keys;

-- name: leaves
-- $1 tenant, $2 from this index on, $3 at most.
SELECT idx, kind, subject_id, encode(leaf_hash, 'hex') AS hash, encode(marks, 'hex') AS marks
FROM log_leaf WHERE tenant_id = $1 AND idx >= $2 ORDER BY idx LIMIT $3;

-- name: rows
-- $1 tenant, $2 subjects. What the database says of them now.
SELECT r.kind, r.subject_id, r.content::text AS content, r.state::text AS state FROM log_rows() r
WHERE r.tenant_id = $1 AND r.subject_id = ANY($2::uuid[]);

-- name: head_rows
-- $1 tenant, $2 numbers of money events.
SELECT sequence, jsonb_build_object('tenant_id', tenant_id, 'sequence', sequence, 'hash', hash)::text AS content
FROM money_event WHERE tenant_id = $1 AND sequence = ANY($2::bigint[]);

-- name: signed
-- $1 tenant, $2 more leaves than that, $3 at most that many. Checkpoints, oldest first.
SELECT size, note FROM log_checkpoint WHERE tenant_id = $1 AND size > $2 AND size <= $3 ORDER BY size;

-- name: unsealed
-- $1 tenant.
SELECT r.kind, r.subject_id, r.content::text AS content FROM log_rows() r
WHERE r.tenant_id = $1 AND NOT EXISTS (SELECT FROM log_leaf l
    WHERE l.tenant_id = r.tenant_id AND l.subject_id = r.subject_id AND l.kind = r.kind);

-- name: money
-- $1 tenant.
SELECT sequence, hash, body FROM money_event WHERE tenant_id = $1 ORDER BY sequence;

-- name: due_anchor
-- $1 at most, $2 as of this time or null. For each tenant its newest checkpoint, when no anchor covers it.
SELECT t.tenant_id, c.size, c.note, c.sealed_at FROM tenant t
CROSS JOIN LATERAL (SELECT v.size, v.note, v.sealed_at FROM log_checkpoint v WHERE v.tenant_id = t.tenant_id
    AND ($2::timestamptz IS NULL OR v.sealed_at <= $2) ORDER BY v.size DESC LIMIT 1) c
WHERE c.size > coalesce((SELECT max(a.size) FROM log_anchor a WHERE a.tenant_id = t.tenant_id), 0)
ORDER BY t.tenant_id LIMIT $1;

-- name: unanchored
-- Seconds since the oldest checkpoint that no anchor covers was signed; null when all are covered.
SELECT extract(epoch FROM now() - min(c.sealed_at))::float8 FROM tenant t
CROSS JOIN LATERAL (SELECT v.sealed_at FROM log_checkpoint v WHERE v.tenant_id = t.tenant_id
    AND v.size > coalesce((SELECT max(a.size) FROM log_anchor a WHERE a.tenant_id = t.tenant_id), 0)
    ORDER BY v.size LIMIT 1) c;

-- name: anchor
-- $1 tenant, $2 size, $3 chain, $4 transaction, $5 block, $6 batch root, $7 index and $8 size of the batch, $9 path.
-- The pieces that are covered now, and were not before, are marked.
WITH earlier AS MATERIALIZED (
    SELECT coalesce(max(a.size), 0) AS size FROM log_anchor a WHERE a.tenant_id = $1
), added AS (
    INSERT INTO log_anchor (tenant_id, size, chain_id, tx_hash, block, batch_root, batch_index, batch_size, path)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
)
UPDATE provenance p SET on_chain_verification = true
FROM earlier e JOIN log_leaf l ON l.tenant_id = $1 AND l.idx >= e.size AND l.idx < $2 AND l.kind = 'provenance'
WHERE p.provenance_id = l.subject_id AND p.tenant_id = $1 AND NOT p.on_chain_verification;
