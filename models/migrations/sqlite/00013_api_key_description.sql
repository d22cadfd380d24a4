-- +goose Up

-- What an API key is for, in the words of the people who manage it.
ALTER TABLE api_keys ADD COLUMN description text NOT NULL DEFAULT '';
