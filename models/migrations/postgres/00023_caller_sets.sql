-- +goose Up

-- Hashes of the callers that a row counts together, 4 bytes each. Empty for a single caller, and for
-- callers that an earlier version has counted together.
ALTER TABLE api_key_callers ADD COLUMN others bytea NOT NULL DEFAULT '';
