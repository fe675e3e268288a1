-- The transparency log (PRV-2, PRV-4): rows of history are leaves of one RFC 6962 tree for each tenant.

-- Which transaction wrote a row. Ids and times are not the order in which transactions commit; with this the sealer
-- knows below which number nothing can turn up any more. What was written before has number 0.
DO $$
DECLARE name text; id text;
BEGIN
    FOR name, id IN VALUES ('audit_event', 'event_id'), ('asset', 'asset_id'), ('generation_log', 'log_id'),
        ('provenance', 'provenance_id'), ('publication', 'publication_id'), ('transaction_ledger', 'transaction_id') LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN xact xid8 NOT NULL DEFAULT %L', name, '0');
        EXECUTE format('ALTER TABLE %I ALTER COLUMN xact SET DEFAULT pg_current_xact_id()', name);
        EXECUTE format('CREATE INDEX %I ON %I (xact, %I)', name || '_by_xact', name, id);
    END LOOP;
END $$;

CREATE TABLE log_leaf (
    tenant_id uuid NOT NULL REFERENCES tenant,
    idx bigint NOT NULL CHECK (idx >= 0),
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    marks bytea NOT NULL,
    PRIMARY KEY (tenant_id, idx),
    UNIQUE (tenant_id, subject_id, kind)
);

-- The roots of whole blocks of 256^level leaves: enough of the tree to grow it and to prove anything of it.
CREATE TABLE log_node (
    tenant_id uuid NOT NULL REFERENCES tenant,
    level smallint NOT NULL CHECK (level > 0),
    idx bigint NOT NULL CHECK (idx >= 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, level, idx)
);

CREATE TABLE log_checkpoint (
    tenant_id uuid NOT NULL REFERENCES tenant,
    size bigint NOT NULL CHECK (size > 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    sealed_at timestamptz NOT NULL,
    note text NOT NULL,
    public_key text NOT NULL,
    PRIMARY KEY (tenant_id, size)
);

-- That a checkpoint was read back from a chain: the transaction carries batch_root, and path leads there.
CREATE TABLE log_anchor (
    tenant_id uuid NOT NULL,
    size bigint NOT NULL,
    chain_id bigint NOT NULL,
    tx_hash text NOT NULL,
    block bigint NOT NULL CHECK (block >= 0),
    batch_root bytea NOT NULL CHECK (length(batch_root) = 32),
    batch_index integer NOT NULL CHECK (batch_index >= 0),
    batch_size integer NOT NULL CHECK (batch_size > batch_index),
    path bytea[] NOT NULL,
    read_back_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, size, chain_id, tx_hash),
    FOREIGN KEY (tenant_id, size) REFERENCES log_checkpoint (tenant_id, size)
);

-- One row: everything written by a transaction with a lower number is sealed.
CREATE TABLE log_watermark (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    sealed_before xid8 NOT NULL
);
INSERT INTO log_watermark (sealed_before) VALUES ('0');

CREATE FUNCTION log_time(at timestamptz) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- What there is to seal, and what it says. The columns are named, so that a column that is added later does not change
-- what was sealed: it needs a kind of its own. `state` is what a row may gain afterwards, and is not sealed.
CREATE FUNCTION log_rows() RETURNS TABLE (tenant_id uuid, kind text, subject_id uuid, content jsonb, state jsonb)
    LANGUAGE sql STABLE AS $$
    SELECT e.tenant_id, 'audit_event', e.event_id, jsonb_build_object('event_id', e.event_id, 'tenant_id', e.tenant_id,
        'at', log_time(e.at), 'actor', e.actor, 'action', e.action, 'subject', e.subject, 'body', e.body), NULL::jsonb
    FROM audit_event e
    UNION ALL
    SELECT a.tenant_id, 'asset', a.asset_id, jsonb_build_object('asset_id', a.asset_id, 'campaign_id', a.campaign_id,
        'agent_id', a.agent_id, 'model_version', a.model_version, 'seed_values', a.seed_values,
        'generation_duration_ms', a.generation_duration_ms, 'frame_rate', a.frame_rate, 'resolution', a.resolution,
        'encoding_format', a.encoding_format, 'storage_uri', a.storage_uri, 'tenant_id', a.tenant_id,
        'task_id', a.task_id, 'parts', a.parts, 'soul_hash', a.soul_hash, 'created_at', log_time(a.created_at),
        'sketch', a.sketch::text[], 'media', a.media), NULL
    FROM asset a
    UNION ALL
    SELECT g.tenant_id, 'generation_log', g.log_id, jsonb_build_object('log_id', g.log_id, 'asset_id', g.asset_id,
        'planner_intent', g.planner_intent, 'worker_output_prompt', g.worker_output_prompt,
        'mcp_tool_parameters', g.mcp_tool_parameters, 'judge_validation_score', g.judge_validation_score,
        'creative_regression_notes', g.creative_regression_notes, 'tenant_id', g.tenant_id,
        'created_at', log_time(g.created_at)), NULL
    FROM generation_log g
    UNION ALL
    SELECT p.tenant_id, 'provenance', p.provenance_id, jsonb_build_object('provenance_id', p.provenance_id,
        'asset_id', p.asset_id, 'content_hash', p.content_hash, 'cryptographic_signature', p.cryptographic_signature,
        'tenant_id', p.tenant_id, 'statement', p.statement, 'created_at', log_time(p.created_at)),
        jsonb_build_object('on_chain_verification', p.on_chain_verification, 'published_at', log_time(p.published_at))
    FROM provenance p
    UNION ALL
    SELECT b.tenant_id, 'publication', b.publication_id, jsonb_build_object('publication_id', b.publication_id,
        'tenant_id', b.tenant_id, 'agent_id', b.agent_id, 'campaign_id', b.campaign_id, 'effect_id', b.effect_id,
        'asset_id', b.asset_id, 'server', b.server, 'kind', b.kind, 'external_ids', b.external_ids, 'url', b.url,
        'disclosure', b.disclosure, 'published_at', log_time(b.published_at)), NULL
    FROM publication b
    UNION ALL
    SELECT t.tenant_id, 'transaction_ledger', t.transaction_id, jsonb_build_object('transaction_id', t.transaction_id,
        'asset_id', t.asset_id, 'currency', t.currency, 'amount', t.amount::text,
        'compute_tokens_used', t.compute_tokens_used, 'timestamp', log_time(t."timestamp"),
        'cfo_judge_verification', t.cfo_judge_verification, 'tenant_id', t.tenant_id, 'agent_id', t.agent_id,
        'campaign_id', t.campaign_id, 'reservation_id', t.reservation_id, 'entry', t.entry, 'memo', t.memo,
        'postings', (SELECT coalesce(jsonb_agg(jsonb_build_object('account', l.account, 'amount', l.amount::text,
            'tenant_id', l.tenant_id) ORDER BY l.account COLLATE "C"), '[]')
            FROM ledger_posting l WHERE l.transaction_id = t.transaction_id)), NULL
    FROM transaction_ledger t
$$;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['log_leaf', 'log_node', 'log_checkpoint', 'log_anchor'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
            FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY swarm ON %I TO chimera_swarm USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO chimera_tenant
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        -- A tenant reads its log; only the sealer writes it. Updates are refused by the trigger, whoever asks.
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO chimera_swarm', name);
        EXECUTE format('GRANT SELECT, UPDATE ON %I TO chimera_tenant', name);
    END LOOP;
    GRANT SELECT, UPDATE ON log_watermark TO chimera_swarm;
END $$;
