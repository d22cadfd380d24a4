-- +goose Up

-- What a workspace allows for the lifetimes of its keys, in days (0 for no limit, and for no default), and
-- the ages at which keys are due for review. Keys created before key_policy_since count from then.
ALTER TABLE workspaces ADD COLUMN key_expiry_required boolean NOT NULL DEFAULT false;
ALTER TABLE workspaces ADD COLUMN key_max_days integer NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN key_default_days integer NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN key_policy_since timestamptz;
ALTER TABLE workspaces ADD COLUMN review_unused_days integer NOT NULL DEFAULT 30;
ALTER TABLE workspaces ADD COLUMN review_idle_days integer NOT NULL DEFAULT 90;
ALTER TABLE workspaces ADD COLUMN review_old_days integer NOT NULL DEFAULT 365;

-- How many requests per minute a key may make, instead of the limit of the server; 0 for that limit.
ALTER TABLE api_keys ADD COLUMN rate_limit integer NOT NULL DEFAULT 0;
