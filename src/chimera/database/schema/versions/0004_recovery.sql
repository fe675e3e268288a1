-- Recovery and media: dead letters have a bounded number of lives, effects in doubt can be put to a human, the sweeper is watched,
-- and a piece can be found by what it resembles.
ALTER TABLE task
    ADD COLUMN replays smallint NOT NULL DEFAULT 0 CHECK (replays >= 0),
    ADD COLUMN buried_at timestamptz;
CREATE INDEX task_buried ON task (tenant_id, task_id) WHERE status = 'dead_letter';

ALTER TABLE effect
    ADD COLUMN disclosure text NOT NULL DEFAULT 'platform label',
    ADD COLUMN question text,
    ADD COLUMN asked_at timestamptz,
    ADD COLUMN answered_by text;
CREATE INDEX effect_asked ON effect (tenant_id, effect_id) WHERE asked_at IS NOT NULL AND status = 'unknown';

ALTER TABLE process ADD COLUMN swept_at timestamptz, ADD COLUMN sealed_at timestamptz;

-- The smallest hashes of a piece's word triples: two pieces that are nearly alike share some.
ALTER TABLE asset ADD COLUMN sketch bigint[] NOT NULL DEFAULT '{}';

-- The pictures and clips that come with the text.
ALTER TABLE asset ADD COLUMN media jsonb NOT NULL DEFAULT '[]';
CREATE INDEX asset_by_sketch ON asset USING gin (sketch);
