-- +goose Up

-- The oldest program that may use this schema, as the latest version of the schema that it knows. A migration that
-- earlier programs can't run on sets this to its own version. Earlier programs then don't start.
ALTER TABLE installation ADD COLUMN oldest_program bigint NOT NULL DEFAULT 46;
