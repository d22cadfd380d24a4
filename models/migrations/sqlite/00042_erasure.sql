-- +goose Up

-- Proves the texts of an event in a way that survives their erasure. It is null for events of earlier versions.
ALTER TABLE audit_events ADD COLUMN proof text;

-- Audit events are changed only by the erasure of texts, which changes their proof.
DROP TRIGGER audit_events_kept;
-- +goose StatementBegin
CREATE TRIGGER audit_events_kept BEFORE UPDATE ON audit_events
WHEN NOT (NEW.proof IS NOT NULL AND NEW.proof IS NOT OLD.proof
    AND NEW.id IS OLD.id AND NEW.workspace_id IS OLD.workspace_id AND NEW.actor_type IS OLD.actor_type AND NEW.actor_id IS OLD.actor_id
    AND NEW.action IS OLD.action AND NEW.target_type IS OLD.target_type AND NEW.target_id IS OLD.target_id
    AND NEW.created_at IS OLD.created_at AND NEW.seq IS OLD.seq AND NEW.hash IS OLD.hash)
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed or deleted');
END;
-- +goose StatementEnd
