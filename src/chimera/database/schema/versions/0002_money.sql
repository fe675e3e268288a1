-- Money: transfers that are pending until they are posted, voided or expired; accounts; limits by category and payee;
-- a hash chain over every decision; wallets and what moved on their chain.

-- transfers ------------------------------------------------------------------------------------

ALTER TABLE reservation DROP CONSTRAINT reservation_status_check;
UPDATE reservation SET status = CASE status WHEN 'reserved' THEN 'pending' WHEN 'settled' THEN 'posted'
    WHEN 'released' THEN 'voided' ELSE status END;
ALTER TABLE reservation
    ADD CONSTRAINT reservation_status_check CHECK (status IN ('pending', 'posted', 'voided', 'expired', 'refused')),
    ADD COLUMN category text NOT NULL DEFAULT 'general',
    ADD COLUMN payee text NOT NULL DEFAULT '',
    ADD COLUMN paid numeric(38, 18) CHECK (paid >= 0),
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN verification text NOT NULL DEFAULT '',
    ADD COLUMN reference text NOT NULL DEFAULT '',
    ADD COLUMN doubt text;
ALTER TABLE reservation ALTER COLUMN category DROP DEFAULT, ALTER COLUMN payee DROP DEFAULT;
CREATE INDEX reservation_by_payer ON reservation (coalesce(agent_id, tenant_id), currency, created_at)
    WHERE status IN ('pending', 'posted') AND category NOT IN ('compute', 'fees');
CREATE INDEX reservation_expiring ON reservation (expires_at) WHERE status = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX reservation_pending ON reservation (category, created_at) WHERE status = 'pending';
CREATE INDEX reservation_by_verification ON reservation (tenant_id, verification);
CREATE INDEX reservation_in_doubt ON reservation (tenant_id) WHERE doubt IS NOT NULL;

-- limits ---------------------------------------------------------------------------------------

ALTER TABLE budget DROP CONSTRAINT budget_scope_check, ALTER COLUMN scope_id TYPE text USING scope_id::text;
ALTER TABLE budget RENAME COLUMN scope_id TO scope_key;
ALTER TABLE budget
    ADD CONSTRAINT budget_scope_check CHECK (scope IN ('tenant', 'influencer', 'campaign', 'category', 'payee'));

-- A change that loosens limits waits here for a second operator.
CREATE TABLE limit_change (
    change_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    scope text NOT NULL,
    scope_key text NOT NULL,
    limits jsonb NOT NULL,
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'confirmed', 'withdrawn')),
    proposed_by text NOT NULL,
    decided_by text CHECK (status <> 'confirmed' OR decided_by <> proposed_by),
    proposed_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz
);
CREATE UNIQUE INDEX limit_change_waiting ON limit_change (tenant_id, scope, scope_key) WHERE status = 'waiting';

-- A suspicious spend waits here for a human; accepted, it lets one like it through.
CREATE TABLE spend_flag (
    flag_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant,
    reservation_id uuid NOT NULL REFERENCES reservation,
    reasons text[] NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'accepted', 'dismissed', 'used')),
    decided_by text,
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz
);
CREATE INDEX spend_flag_open ON spend_flag (tenant_id, created_at) WHERE status = 'open';

-- the chain of decisions -----------------------------------------------------------------------

-- Its row is the lock under which a tenant's money moves.
CREATE TABLE treasury (
    tenant_id uuid PRIMARY KEY REFERENCES tenant,
    sequence bigint NOT NULL DEFAULT 0,
    hash text NOT NULL DEFAULT repeat('0', 64)
);

CREATE TABLE money_event (
    tenant_id uuid NOT NULL REFERENCES tenant,
    sequence bigint NOT NULL,
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    body text NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

-- accounts -------------------------------------------------------------------------------------

CREATE TABLE account (
    tenant_id uuid NOT NULL REFERENCES tenant,
    code text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'income', 'expense')),
    agent_id uuid REFERENCES influencer,
    campaign_id uuid REFERENCES campaign,
    category text,
    party text,
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, code)
);
-- What was booked before there were accounts keeps its names.
INSERT INTO account (tenant_id, code, kind)
SELECT DISTINCT tenant_id, account, 'equity' FROM ledger_posting;
ALTER TABLE ledger_posting ADD FOREIGN KEY (tenant_id, account) REFERENCES account (tenant_id, code);
CREATE INDEX ledger_posting_by_account ON ledger_posting (tenant_id, account);

ALTER TABLE transaction_ledger DROP CONSTRAINT transaction_ledger_entry_check,
    ADD CONSTRAINT transaction_ledger_entry_check CHECK (entry IN ('pending', 'posted', 'voided', 'expired',
        'attributed', 'received', 'disputed', 'compute', 'reserve', 'settle', 'release'));

-- wallets --------------------------------------------------------------------------------------

CREATE TABLE wallet (
    agent_id uuid PRIMARY KEY REFERENCES influencer,
    tenant_id uuid NOT NULL REFERENCES tenant,
    address text NOT NULL,
    next_block bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE payment (
    reservation_id uuid PRIMARY KEY REFERENCES reservation,
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    fee_reservation_id uuid REFERENCES reservation,
    payment_order jsonb NOT NULL,
    signature text NOT NULL,
    status text NOT NULL CHECK (status IN ('ordered', 'confirmed', 'reverted', 'refused')),
    tx_hash text,
    receipt jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE UNIQUE INDEX payment_by_tx ON payment (tenant_id, tx_hash) WHERE tx_hash IS NOT NULL;

CREATE TABLE chain_movement (
    tenant_id uuid NOT NULL REFERENCES tenant,
    agent_id uuid NOT NULL REFERENCES influencer,
    tx_hash text NOT NULL,
    log_index integer NOT NULL,
    block bigint NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    currency text NOT NULL,
    amount numeric(38, 18) NOT NULL CHECK (amount > 0),
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent_id, tx_hash, log_index)
);

-- rules ----------------------------------------------------------------------------------------

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['money_event', 'account', 'chain_movement'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
            FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['limit_change', 'spend_flag', 'treasury', 'money_event', 'account', 'wallet', 'payment',
        'chain_movement'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY swarm ON %I TO chimera_swarm USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO chimera_tenant
            USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO chimera_swarm, chimera_tenant', name);
    END LOOP;
END $$;
