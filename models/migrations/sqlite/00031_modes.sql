-- +goose Up

-- Whether a workspace is live or test. Earlier versions had a setting for the whole installation instead,
-- which may have changed, so an earlier workspace gets the mode of most of its keys.
ALTER TABLE workspaces ADD COLUMN mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'test'));
UPDATE workspaces SET mode = 'test' WHERE id IN (
    SELECT workspace_id FROM api_keys WHERE deleted_at IS NULL GROUP BY workspace_id
    HAVING sum(CASE substr(key_prefix, 1, 8) WHEN 'sk_test_' THEN 1 WHEN 'sk_live_' THEN -1 ELSE 0 END) > 0
);

-- The live workspace whose admins created a test workspace beside it.
ALTER TABLE workspaces ADD COLUMN live_workspace_id text REFERENCES workspaces (id);
CREATE UNIQUE INDEX workspaces_live_workspace_id ON workspaces (live_workspace_id);

-- The prefix of new API keys.
ALTER TABLE scope_catalog ADD COLUMN key_prefix text NOT NULL DEFAULT 'sk';
