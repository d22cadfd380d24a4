-- +goose Up

-- The member who is responsible for a key; null if it has no owner.
ALTER TABLE api_keys ADD COLUMN owner_id text COLLATE "C";
