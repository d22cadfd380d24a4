-- +goose Up

-- The workspace that an email is about; empty if it is only about the account of its recipient.
ALTER TABLE account_emails ADD COLUMN workspace_id text NOT NULL DEFAULT '';
