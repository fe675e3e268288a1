-- name: act_for
-- From here to the end of the transaction, row-level security shows this tenant alone.
SELECT set_config('chimera.tenant', $1, true);

-- name: lock_schema
-- Migrations of one database never run twice at once.
SELECT pg_advisory_xact_lock($1);

-- name: patience
-- Whoever reads an export too slowly must not hold its snapshot for ever.
SELECT set_config('idle_in_transaction_session_timeout', $1, true);
