-- What a tenant asks runs under that tenant; what a stranger asks runs in the swarm's role, and finds what was published.

-- name: shown
-- $1 SHA-256 of texts or files, $2 at most. Published pieces that say or show one of them, oldest first.
SELECT a.asset_id FROM asset a
WHERE digests(a.parts, a.media) && $1::text[]
  AND EXISTS (SELECT FROM publication p WHERE p.asset_id = a.asset_id AND p.kind NOT IN ('promotion', 'like'))
ORDER BY a.asset_id LIMIT $2;

-- name: posted
-- $1 a post's address, $2 at most.
SELECT p.asset_id FROM publication p WHERE p.url = $1 AND p.kind NOT IN ('promotion', 'like')
ORDER BY p.asset_id LIMIT $2;

-- name: kept
-- $1 a file's SHA-256. The pieces that show it, for the file's address and kind; also those that wait for a human.
(SELECT a.media::text AS media FROM asset a WHERE digests(a.parts, a.media) && ARRAY[$1::text]
    ORDER BY a.asset_id LIMIT 20)
UNION ALL
(SELECT (e.result -> 'artifact' -> 'media')::text FROM approval p JOIN execution e USING (task_id, content_hash)
    WHERE p.status = 'waiting'
      AND e.result -> 'artifact' -> 'media' @> jsonb_build_array(jsonb_build_object('sha256', $1::text)) LIMIT 1);

-- name: with_media
-- $1 the last of the page before or null, $2 at most.
SELECT a.asset_id FROM asset a WHERE a.media <> '[]' AND ($1::uuid IS NULL OR a.asset_id < $1)
ORDER BY a.asset_id DESC LIMIT $2;

-- name: media
-- $1 assets.
SELECT a.asset_id, a.media::text AS media FROM asset a WHERE a.asset_id = ANY($1::uuid[]);

-- name: pieces
-- $1 assets. Each with its signed statement, its publications, its place in the log and the anchor that covers it.
SELECT a.asset_id, a.tenant_id, f.persona, a.parts, a.media::text AS media, a.created_at, v.provenance_id,
    v.content_hash, v.cryptographic_signature, v.statement::text AS statement,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('server', p.server, 'url', p.url, 'published_at', p.published_at)
        ORDER BY p.publication_id), '[]') FROM publication p
        WHERE p.asset_id = a.asset_id AND p.kind NOT IN ('promotion', 'like'))::text AS outings,
    to_jsonb(l)::text AS log, to_jsonb(n)::text AS anchor
FROM asset a JOIN influencer f USING (agent_id) JOIN provenance v USING (asset_id)
LEFT JOIN LATERAL (
    SELECT b.idx AS index, encode(b.leaf_hash, 'hex') AS leaf_hash, c.size, encode(c.root, 'hex') AS root, c.sealed_at,
        c.public_key
    FROM log_leaf b JOIN log_checkpoint c ON c.tenant_id = b.tenant_id AND c.size > b.idx
    WHERE b.tenant_id = a.tenant_id AND b.subject_id = v.provenance_id AND b.kind = 'provenance'
    ORDER BY c.size LIMIT 1) l ON true
LEFT JOIN LATERAL (
    SELECT k.chain_id, k.tx_hash, k.block, k.read_back_at FROM log_anchor k
    WHERE k.tenant_id = a.tenant_id AND k.size > l.index
    ORDER BY k.size, k.read_back_at LIMIT 1) n ON true
WHERE a.asset_id = ANY($1::uuid[]);

-- name: row
-- $1 tenant, $2 proof. What its leaf has to say: the row as it is now.
SELECT r.content::text AS content FROM log_rows() r
WHERE r.tenant_id = $1 AND r.kind = 'provenance' AND r.subject_id = $2;
