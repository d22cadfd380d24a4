-- +goose Up

-- A deleted workspace is hidden from its members, and removed after 30 days.
ALTER TABLE workspaces ADD COLUMN deleted_at timestamp;
CREATE INDEX workspaces_deleted_at ON workspaces (deleted_at) WHERE deleted_at IS NOT NULL;

-- Audit events are deleted only with their workspace.
DROP TRIGGER audit_events_not_deleted;
-- +goose StatementBegin
CREATE TRIGGER audit_events_not_deleted BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM workspaces WHERE id = OLD.workspace_id AND deleted_at IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed or deleted');
END;
-- +goose StatementEnd
