-- Quality: a share of what the Judge approved by itself is put to a human afterwards (JDG-7).

-- An audit has the id of the verdict that it looks at. That id is made when the verdict is, so that whoever makes or
-- judges a piece cannot know beforehand whether it will be looked at: its hash decides.
CREATE TABLE sample_audit (
    audit_id uuid PRIMARY KEY REFERENCES verdict,
    tenant_id uuid NOT NULL REFERENCES tenant,
    task_id uuid NOT NULL UNIQUE REFERENCES task,
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'agreed', 'disagreed')),
    decided_by text,
    note text,
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT decided_by_somebody CHECK ((status = 'waiting') = (decided_by IS NULL)),
    CONSTRAINT decided_sometime CHECK ((status = 'waiting') = (decided_at IS NULL))
);
CREATE INDEX sample_audit_by_status ON sample_audit (tenant_id, status, audit_id);
CREATE INDEX sample_audit_decided ON sample_audit (tenant_id, decided_at) WHERE status <> 'waiting';
CREATE INDEX approval_decided ON approval (tenant_id, decided_at) WHERE status IN ('approved', 'rejected', 'edited');

-- What the human said is history: it is said once and not taken back.
CREATE FUNCTION refuse_second_thoughts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'waiting' OR (NEW.audit_id, NEW.tenant_id, NEW.task_id, NEW.score, NEW.created_at)
        IS DISTINCT FROM (OLD.audit_id, OLD.tenant_id, OLD.task_id, OLD.score, OLD.created_at) THEN
        RAISE EXCEPTION 'sample_audit is append-only: rewriting refused'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON sample_audit FOR EACH ROW EXECUTE FUNCTION refuse_second_thoughts();
CREATE TRIGGER append_only_rows BEFORE DELETE ON sample_audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON sample_audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Approvals by the Judge alone that the next draw looks at, each once; written in the transaction of the verdict, so
-- that a draw neither misses one nor reads verdicts from end to end.
CREATE TABLE audit_candidate (
    verdict_id uuid PRIMARY KEY REFERENCES verdict
);

CREATE FUNCTION note_candidate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_candidate (verdict_id) VALUES (NEW.verdict_id);
    RETURN NULL;
END $$;
CREATE TRIGGER candidate AFTER INSERT ON verdict FOR EACH ROW
    WHEN (NEW.decision = 'approve' AND NEW.judged_by LIKE 'judge:%') EXECUTE FUNCTION note_candidate();

ALTER TABLE sample_audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY swarm ON sample_audit TO chimera_swarm USING (true) WITH CHECK (true);
CREATE POLICY tenant ON sample_audit TO chimera_tenant
    USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON sample_audit TO chimera_swarm, chimera_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_candidate TO chimera_swarm;
