-- +goose Up

-- Why the last attempt to email an invitation failed; empty if it didn't.
ALTER TABLE invitations ADD COLUMN mail_failure text NOT NULL DEFAULT '';

-- Whether the member has yet to accept the invitation. A person accepts one for each workspace.
ALTER TABLE members ADD COLUMN pending boolean NOT NULL DEFAULT false;
UPDATE members SET pending = true WHERE user_id IN (SELECT id FROM users WHERE password_hash = '');
