-- +goose Up

-- Whether a node accepted a request with the key after it had applied the deletion, which would be a bug.
ALTER TABLE api_keys ADD COLUMN accepted_after_deletion boolean NOT NULL DEFAULT false;
