-- +goose Up

-- Proves the texts of an event in a way that survives their erasure. It is null for events of earlier versions.
ALTER TABLE audit_events ADD COLUMN proof text;

-- Audit events are changed only by the erasure of texts, which changes their proof, and deleted only with
-- their workspace.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erasable text[] := ARRAY['actor_name', 'target_name', 'details', 'address', 'user_agent', 'proof'];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM workspaces WHERE id = OLD.workspace_id AND deleted_at IS NOT NULL) THEN
            RETURN OLD;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF NEW.proof IS NOT NULL AND NEW.proof IS DISTINCT FROM OLD.proof AND to_jsonb(NEW) - erasable = to_jsonb(OLD) - erasable THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit events are never changed or deleted';
END
$$;
-- +goose StatementEnd
