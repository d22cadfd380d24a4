-- +goose Up

-- Why the last attempt to mail an invitation failed, in a word; empty if it did not.
ALTER TABLE invitations ADD COLUMN mail_failure text NOT NULL DEFAULT '';
