-- Proofs (PRV-1): anybody may ask whether a text or a file is known here, so the answer must not read whole tables.

-- The hashes of what a piece says and shows: of each of its texts, and of each of its files.
CREATE FUNCTION digests(parts text[], media jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(SELECT encode(sha256(convert_to(part, 'UTF8')), 'hex') FROM unnest(parts) AS part
        UNION ALL SELECT item ->> 'sha256' FROM jsonb_array_elements(media) AS item)
$$;

CREATE INDEX asset_by_digest ON asset USING gin (digests(parts, media));
CREATE INDEX asset_with_media ON asset (tenant_id, asset_id) WHERE media <> '[]';
CREATE INDEX publication_by_asset ON publication (asset_id);
CREATE INDEX publication_by_url ON publication USING hash (url);
