-- +goose Up

-- Why the last attempt to mail an invitation failed, in a word; empty if it did not.
ALTER TABLE invitations ADD COLUMN mail_failure text NOT NULL DEFAULT '';

-- A member who has still to accept the invitation: one in each workspace, though the person has
-- a single account.
ALTER TABLE members ADD COLUMN pending boolean NOT NULL DEFAULT false;
UPDATE members SET pending = true WHERE user_id IN (SELECT id FROM users WHERE password_hash = '');
