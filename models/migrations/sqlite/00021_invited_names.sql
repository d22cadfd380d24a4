-- +goose Up

-- The name that the workspace gave a person who has not joined yet.
ALTER TABLE members ADD COLUMN invited_name text NOT NULL DEFAULT '';

-- Until now, the first workspace to invite a person without an account named the user for all of them.
UPDATE members SET invited_name = (SELECT users.name FROM users WHERE users.id = members.user_id)
WHERE pending
    AND user_id IN (SELECT users.id FROM users WHERE users.password_hash = '')
    AND id = (SELECT min(theirs.id) FROM members AS theirs WHERE theirs.user_id = members.user_id);
UPDATE users SET name = '' WHERE password_hash = '';
