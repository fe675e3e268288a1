-- name: act_for
-- From here to the end of the transaction, row-level security shows this tenant alone.
SELECT set_config('chimera.tenant', $1, true);

-- name: lock_schema
-- Migrations of one database never run twice at once.
SELECT pg_advisory_xact_lock($1);
