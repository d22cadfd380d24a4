-- +goose Up

-- A key and the one that takes its place. The old one names its successor while that is not
-- deleted, and then as long as it is deleted itself: a second rotation finds the place taken.
-- The successor always names what it was made from, and the first of the whole line.
ALTER TABLE api_keys ADD COLUMN successor_id text COLLATE "C" REFERENCES api_keys (id);
ALTER TABLE api_keys ADD COLUMN predecessor_id text COLLATE "C" REFERENCES api_keys (id);
ALTER TABLE api_keys ADD COLUMN lineage_id text COLLATE "C" REFERENCES api_keys (id);
CREATE INDEX api_keys_lineage_id ON api_keys (lineage_id) WHERE lineage_id IS NOT NULL;

-- Why a key was deleted although something used it.
ALTER TABLE api_keys ADD COLUMN deletion_reason text NOT NULL DEFAULT '';
