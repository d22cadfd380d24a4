-- +goose Up

-- The IP addresses from which a key can be used: the mode, and networks separated by spaces. A key without a
-- mode has the allowlist of its workspace.
ALTER TABLE workspaces ADD COLUMN allowlist_mode text NOT NULL DEFAULT 'none';
ALTER TABLE workspaces ADD COLUMN allowlist_networks text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN allowlist_mode text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN allowlist_networks text NOT NULL DEFAULT '';

-- How many of the accepted requests came from addresses that aren't in an allowlist that only reports.
ALTER TABLE api_key_usage_hours ADD COLUMN outside bigint NOT NULL DEFAULT 0;
ALTER TABLE api_key_usage_days ADD COLUMN outside bigint NOT NULL DEFAULT 0;
