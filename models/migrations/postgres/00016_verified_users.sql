-- +goose Up

-- When someone proved that the email is theirs, or the operator vouched for it. NULL if all that is known is
-- that someone had a link, which the admin who invited them could copy.
ALTER TABLE users ADD COLUMN verified_at timestamptz;
