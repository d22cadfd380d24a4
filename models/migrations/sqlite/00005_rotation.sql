-- +goose Up

-- The rotation of a key. successor_id is its replacement, which keeps it from being rotated again. It is
-- cleared if the rotation is canceled. predecessor_id is the key that this one replaces, and lineage_id
-- the first key in the rotation history.
ALTER TABLE api_keys ADD COLUMN successor_id text REFERENCES api_keys (id);
ALTER TABLE api_keys ADD COLUMN predecessor_id text REFERENCES api_keys (id);
ALTER TABLE api_keys ADD COLUMN lineage_id text REFERENCES api_keys (id);
CREATE INDEX api_keys_lineage_id ON api_keys (lineage_id) WHERE lineage_id IS NOT NULL;

-- Why a key was deleted while in use.
ALTER TABLE api_keys ADD COLUMN deletion_reason text NOT NULL DEFAULT '';
