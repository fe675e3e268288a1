-- name: known
-- Read by the owner of the schema; the roles that work in it have no right to.
SELECT version_num FROM schema_version;
