-- Two database roles carry tenant isolation (DAT-4): requests act as chimera_tenant, which sees the
-- tenant named in the session and nothing else; the swarm acts as chimera_swarm across tenants.
DO $$ BEGIN CREATE ROLE chimera_tenant NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE chimera_swarm NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN
    EXECUTE format('GRANT chimera_tenant, chimera_swarm TO %I', current_user);
END $$;

CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('chimera.tenant', true), '')::uuid $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- people and keys ------------------------------------------------------------------------------

CREATE TABLE tenant (
    tenant_id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
    time_zone text NOT NULL DEFAULT 'UTC',
    policy_hash text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    key_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('operator', 'reviewer', 'developer', 'auditor', 'agent')),
    platform boolean NOT NULL DEFAULT false,
    key_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE policy_version (
    tenant_id uuid NOT NULL REFERENCES tenant,
    policy_hash text NOT NULL,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, policy_hash)
);

-- who speaks -----------------------------------------------------------------------------------

CREATE TABLE influencer (
    agent_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    persona text NOT NULL,
    account text NOT NULL,
    soul_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, persona)
);

CREATE TABLE persona_version (
    tenant_id uuid NOT NULL REFERENCES tenant,
    soul_hash text NOT NULL CHECK (soul_hash ~ '^[0-9a-f]{64}$'),
    agent_id uuid NOT NULL REFERENCES influencer,
    source text NOT NULL,
    soul jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, soul_hash)
);

-- what is wanted -------------------------------------------------------------------------------

CREATE TABLE campaign (
    campaign_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    name text NOT NULL,
    standing boolean NOT NULL DEFAULT false,
    brief jsonb NOT NULL,
    status text NOT NULL CHECK (status IN
        ('draft', 'planning', 'planned', 'running', 'paused', 'finished', 'cancelled')),
    autostart boolean NOT NULL DEFAULT false,
    state_version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, agent_id, name)
);

CREATE TABLE plan (
    plan_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    campaign_id uuid NOT NULL REFERENCES campaign,
    task_id uuid NOT NULL,
    draft jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'running', 'superseded')),
    author text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX plan_by_campaign ON plan (campaign_id, created_at);

CREATE TABLE process (
    process_id uuid PRIMARY KEY,
    role text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz
);

-- `attempt` is the fencing token: every claim raises it, every write names the one it claimed.
CREATE TABLE task (
    task_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    campaign_id uuid NOT NULL REFERENCES campaign,
    parent_id uuid REFERENCES task,
    execution_id text NOT NULL,
    node_key text,
    kind text NOT NULL CHECK (kind IN ('plan', 'revise', 'create', 'spend')),
    status text NOT NULL CHECK (status IN ('pending', 'queued', 'in_progress', 'in_review', 'awaiting_approval',
        'completed', 'rejected', 'failed', 'stale', 'cancelled', 'dead_letter')),
    priority text NOT NULL CHECK (priority IN ('high', 'medium', 'low')),
    dispatch jsonb NOT NULL,
    depends_on uuid[] NOT NULL DEFAULT '{}',
    revision smallint NOT NULL DEFAULT 0,
    external boolean NOT NULL DEFAULT false,
    state_version bigint NOT NULL,
    soul_hash text NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    claimed_by uuid,
    lease_until timestamptz,
    cause text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, execution_id)
) WITH (fillfactor = 70);
CREATE INDEX task_waiting ON task (status, due_at)
    WHERE status IN ('pending', 'queued', 'in_progress', 'in_review');
CREATE INDEX task_by_campaign ON task (campaign_id, task_id);
CREATE INDEX task_by_tenant ON task (tenant_id, task_id);
CREATE INDEX task_by_parent ON task (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE execution (
    task_id uuid NOT NULL REFERENCES task,
    attempt integer NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenant,
    author text NOT NULL,
    result jsonb NOT NULL,
    content_hash text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (task_id, attempt)
);

CREATE TABLE verdict (
    verdict_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    task_id uuid NOT NULL REFERENCES task,
    content_hash text,
    judged_by text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'reject', 'escalate')),
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    body jsonb NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX verdict_by_task ON verdict (task_id, decided_at);

CREATE TABLE approval (
    approval_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    task_id uuid NOT NULL REFERENCES task,
    content_hash text NOT NULL,
    soul_hash text NOT NULL,
    state_version bigint NOT NULL,
    verdict jsonb NOT NULL,
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'approved', 'rejected', 'edited', 'stale')),
    decided_by text,
    note text,
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX approval_waiting ON approval (tenant_id, created_at) WHERE status = 'waiting';
CREATE INDEX approval_by_task ON approval (task_id);

-- the seed's four tables -----------------------------------------------------------------------

CREATE TABLE asset (
    asset_id uuid PRIMARY KEY,
    campaign_id uuid NOT NULL REFERENCES campaign,
    agent_id uuid NOT NULL REFERENCES influencer,
    model_version text NOT NULL,
    seed_values text[] NOT NULL,
    generation_duration_ms integer NOT NULL CHECK (generation_duration_ms >= 0),
    frame_rate text,
    resolution text,
    encoding_format text NOT NULL,
    storage_uri text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenant,
    task_id uuid NOT NULL REFERENCES task,
    parts text[] NOT NULL,
    soul_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX asset_by_agent ON asset (agent_id, asset_id);
CREATE UNIQUE INDEX asset_by_task ON asset (task_id);

CREATE TABLE generation_log (
    log_id uuid PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES asset,
    planner_intent text NOT NULL,
    worker_output_prompt text NOT NULL,
    mcp_tool_parameters jsonb NOT NULL,
    judge_validation_score double precision NOT NULL CHECK (judge_validation_score BETWEEN 0 AND 1),
    creative_regression_notes text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenant,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX generation_log_by_asset ON generation_log (asset_id);

CREATE TABLE transaction_ledger (
    transaction_id uuid PRIMARY KEY,
    asset_id uuid REFERENCES asset,
    currency text NOT NULL,
    amount numeric(38, 18) NOT NULL CHECK (amount > 0),
    compute_tokens_used integer NOT NULL DEFAULT 0 CHECK (compute_tokens_used >= 0),
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    cfo_judge_verification text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid REFERENCES influencer,
    campaign_id uuid REFERENCES campaign,
    reservation_id uuid,
    entry text NOT NULL CHECK (entry IN ('compute', 'reserve', 'settle', 'release')),
    memo text NOT NULL
);
CREATE INDEX ledger_by_asset ON transaction_ledger (asset_id) WHERE asset_id IS NOT NULL;
CREATE INDEX ledger_by_tenant ON transaction_ledger (tenant_id, transaction_id);

-- Double entry: the postings of a transaction sum to zero in its currency, checked at commit.
CREATE TABLE ledger_posting (
    transaction_id uuid NOT NULL REFERENCES transaction_ledger,
    account text NOT NULL,
    amount numeric(38, 18) NOT NULL CHECK (amount <> 0),
    tenant_id uuid NOT NULL REFERENCES tenant,
    PRIMARY KEY (transaction_id, account)
);

CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM ledger_posting WHERE transaction_id = NEW.transaction_id) IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'transaction % does not sum to zero', NEW.transaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON transaction_ledger
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced();
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced();

CREATE TABLE provenance (
    provenance_id uuid PRIMARY KEY,
    asset_id uuid NOT NULL UNIQUE REFERENCES asset,
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    cryptographic_signature text NOT NULL,
    on_chain_verification boolean NOT NULL DEFAULT false,
    published_at timestamptz,
    tenant_id uuid NOT NULL REFERENCES tenant,
    statement jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX provenance_by_content ON provenance (content_hash);

-- Only two facts may be added to a provenance row, once each: that it was published and that it was anchored.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.provenance_id, NEW.asset_id, NEW.content_hash, NEW.cryptographic_signature, NEW.tenant_id, NEW.statement,
        NEW.created_at)
        IS DISTINCT FROM
        (OLD.provenance_id, OLD.asset_id, OLD.content_hash, OLD.cryptographic_signature, OLD.tenant_id, OLD.statement,
        OLD.created_at)
        OR (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at)
        OR (OLD.on_chain_verification AND NOT NEW.on_chain_verification) THEN
        RAISE EXCEPTION 'provenance is append-only: rewriting refused'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON provenance FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- money ----------------------------------------------------------------------------------------

CREATE TABLE budget (
    budget_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    scope text NOT NULL CHECK (scope IN ('tenant', 'influencer', 'campaign')),
    scope_id uuid NOT NULL,
    span text NOT NULL CHECK (span IN ('transaction', 'day', 'month', 'total')),
    currency text NOT NULL,
    limit_amount numeric(38, 18) NOT NULL CHECK (limit_amount >= 0),
    retired boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, scope, scope_id, span, currency)
);

-- The CHECK is the last word: no code path can reserve or spend over the limit (FIN-2).
CREATE TABLE budget_counter (
    budget_id uuid NOT NULL REFERENCES budget,
    span_start date NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenant,
    limit_amount numeric(38, 18) NOT NULL,
    reserved numeric(38, 18) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent numeric(38, 18) NOT NULL DEFAULT 0 CHECK (spent >= 0),
    PRIMARY KEY (budget_id, span_start),
    CHECK (reserved + spent <= limit_amount)
);

CREATE TABLE reservation (
    reservation_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid REFERENCES influencer,
    campaign_id uuid REFERENCES campaign,
    task_id uuid REFERENCES task,
    idempotency_key text NOT NULL,
    request_hash text NOT NULL,
    request jsonb NOT NULL,
    currency text NOT NULL,
    amount numeric(38, 18) NOT NULL CHECK (amount > 0),
    counters jsonb NOT NULL DEFAULT '[]',
    answer jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('reserved', 'settled', 'released', 'refused')),
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    UNIQUE (tenant_id, idempotency_key)
);
CREATE INDEX reservation_by_task ON reservation (task_id) WHERE task_id IS NOT NULL;

-- the outside ----------------------------------------------------------------------------------

CREATE TABLE effect (
    effect_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    campaign_id uuid NOT NULL REFERENCES campaign,
    task_id uuid NOT NULL UNIQUE REFERENCES task,
    asset_id uuid NOT NULL REFERENCES asset,
    reservation_id uuid REFERENCES reservation,
    server text NOT NULL,
    tool text NOT NULL,
    arguments jsonb NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    effect_grant jsonb NOT NULL,
    priority text NOT NULL,
    status text NOT NULL CHECK (status IN ('authorised', 'executing', 'done', 'failed', 'unknown', 'reconciled')),
    attempt integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    claimed_by uuid,
    cause text,
    receipt jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX effect_open ON effect (status, due_at) WHERE status IN ('authorised', 'executing', 'unknown');
CREATE INDEX effect_by_campaign ON effect (campaign_id);

CREATE TABLE publication (
    publication_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    campaign_id uuid NOT NULL REFERENCES campaign,
    effect_id uuid NOT NULL UNIQUE REFERENCES effect,
    asset_id uuid NOT NULL REFERENCES asset,
    server text NOT NULL,
    kind text NOT NULL,
    external_ids text[] NOT NULL,
    url text NOT NULL,
    disclosure text NOT NULL,
    published_at timestamptz NOT NULL
);
CREATE INDEX publication_by_tenant ON publication (tenant_id, publication_id);

-- steering and memory --------------------------------------------------------------------------

CREATE TABLE halt (
    halt_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    scope text NOT NULL CHECK (scope IN ('fleet', 'tenant', 'influencer', 'campaign', 'tool')),
    target text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    halted_at timestamptz NOT NULL DEFAULT now(),
    lifted_by text,
    lifted_at timestamptz
);
CREATE UNIQUE INDEX halt_in_force ON halt (tenant_id, scope, target) WHERE lifted_at IS NULL;

-- Whether an operator has stopped what this piece of work belongs to. Runs as its owner, so that a halt of the
-- whole fleet is seen by every tenant.
CREATE FUNCTION halted(tenant uuid, agent uuid, campaign uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT EXISTS (SELECT FROM halt h WHERE h.lifted_at IS NULL AND (h.scope = 'fleet' OR (h.tenant_id = tenant AND (
        h.scope = 'tenant' OR (h.scope = 'influencer' AND h.target = agent::text)
        OR (h.scope = 'campaign' AND h.target = campaign::text)))))
$$;

CREATE FUNCTION tool_halted(tenant uuid, server text, tool text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT EXISTS (SELECT FROM halt h WHERE h.lifted_at IS NULL AND h.scope = 'tool' AND h.tenant_id = tenant
        AND h.target IN (server, server || '/' || tool))
$$;

CREATE TABLE audit_event (
    event_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX audit_by_subject ON audit_event (subject, event_id);
CREATE INDEX audit_by_tenant ON audit_event (tenant_id, event_id);

CREATE TABLE memory (
    memory_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    origin text NOT NULL CHECK (origin IN ('own', 'human', 'public')),
    text text NOT NULL,
    source text NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', text)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (agent_id, source)
);
CREATE INDEX memory_words ON memory USING gin (words);
CREATE INDEX memory_by_agent ON memory (agent_id, memory_id);

-- rules that hold for whole groups of tables ---------------------------------------------------

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['policy_version', 'persona_version', 'execution', 'verdict', 'asset', 'generation_log',
        'transaction_ledger', 'ledger_posting', 'publication', 'audit_event'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
            FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON provenance
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER append_only_rows BEFORE DELETE ON provenance
        FOR EACH ROW EXECUTE FUNCTION refuse_change();

    FOR name IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = 'tenant_id' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY swarm ON %I TO chimera_swarm USING (true) WITH CHECK (true)', name);
        IF name <> 'api_key' THEN
            EXECUTE format('CREATE POLICY tenant ON %I TO chimera_tenant
                USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        END IF;
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO chimera_swarm', name);
        IF name <> 'api_key' THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO chimera_tenant', name);
        END IF;
    END LOOP;
    CREATE POLICY own_tenant_only ON halt AS RESTRICTIVE FOR INSERT TO chimera_tenant WITH CHECK (scope <> 'fleet');
    CREATE POLICY never_the_fleet ON halt AS RESTRICTIVE FOR UPDATE TO chimera_tenant USING (scope <> 'fleet');
    CREATE POLICY fleet ON halt FOR SELECT TO chimera_tenant USING (scope = 'fleet');
    GRANT SELECT, INSERT, UPDATE ON process TO chimera_swarm;
    GRANT SELECT ON process TO chimera_tenant;
END $$;
