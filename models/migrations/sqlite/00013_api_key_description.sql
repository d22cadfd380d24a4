-- +goose Up

-- What an API key is for.
ALTER TABLE api_keys ADD COLUMN description text NOT NULL DEFAULT '';
