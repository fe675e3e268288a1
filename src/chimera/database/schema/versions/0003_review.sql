-- Review: a reviewer claims an item, puts it off, takes a verdict back, and two look where the policy wants it.
ALTER TABLE approval
    ADD COLUMN claimed_by text,
    ADD COLUMN claimed_until timestamptz,
    ADD COLUMN snoozed_until timestamptz,
    ADD COLUMN first_by text,
    ADD COLUMN effective_at timestamptz,
    ADD COLUMN escalated_at timestamptz,
    ADD CONSTRAINT four_eyes CHECK (status <> 'approved' OR first_by IS NULL OR decided_by <> first_by);
