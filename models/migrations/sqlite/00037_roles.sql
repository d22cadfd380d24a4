-- +goose Up

-- Adds the role of key managers. "member" is the role of viewers.
ALTER TABLE members ADD COLUMN new_role text NOT NULL DEFAULT 'member' CHECK (new_role IN ('admin', 'key_manager', 'member'));
UPDATE members SET new_role = role;
ALTER TABLE members DROP COLUMN role;
ALTER TABLE members RENAME COLUMN new_role TO role;
CREATE INDEX members_workspace_id_role ON members (workspace_id, role);
