-- +goose Up

-- Adds the role of key managers. "member" is the role of viewers.
ALTER TABLE members
    DROP CONSTRAINT members_role_check,
    ADD CONSTRAINT members_role_check CHECK (role IN ('admin', 'key_manager', 'member'));
CREATE INDEX members_workspace_id_role ON members (workspace_id, role);
