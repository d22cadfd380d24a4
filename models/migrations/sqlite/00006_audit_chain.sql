-- +goose Up

-- Each event has a position in the chain of its workspace, and a hash of itself and the previous event.
-- Position 0 is for events from an earlier version that are not chained yet.
ALTER TABLE audit_events ADD COLUMN seq integer NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN hash blob NOT NULL DEFAULT x'';
CREATE UNIQUE INDEX audit_events_chain ON audit_events (coalesce(workspace_id, ''), seq) WHERE seq > 0;
CREATE INDEX audit_events_unchained ON audit_events (id) WHERE seq = 0;

-- For searching the log, newest first.
CREATE INDEX audit_events_actor ON audit_events (workspace_id, coalesce(actor_id, actor_type), id);
CREATE INDEX audit_events_action ON audit_events (workspace_id, action, id);

-- The head of each chain. The chain of events without a workspace has an empty name.
CREATE TABLE audit_chains (
    chain  text PRIMARY KEY,
    seq    integer NOT NULL,
    hash   blob NOT NULL
);
INSERT INTO audit_chains (chain, seq, hash) SELECT id, 0, x'' FROM workspaces UNION ALL SELECT '', 0, x'';

-- +goose StatementBegin
CREATE TRIGGER audit_events_kept BEFORE UPDATE ON audit_events
WHEN NOT (OLD.seq = 0 AND NEW.seq > 0 -- the event is being chained
    AND NEW.id IS OLD.id AND NEW.workspace_id IS OLD.workspace_id
    AND NEW.actor_type IS OLD.actor_type AND NEW.actor_id IS OLD.actor_id AND NEW.actor_name IS OLD.actor_name
    AND NEW.action IS OLD.action AND NEW.target_type IS OLD.target_type AND NEW.target_id IS OLD.target_id
    AND NEW.target_name IS OLD.target_name AND NEW.details IS OLD.details AND NEW.address IS OLD.address
    AND NEW.user_agent IS OLD.user_agent AND NEW.created_at IS OLD.created_at
    AND NOT EXISTS (SELECT 1 FROM audit_events -- which UPDATE OR REPLACE would delete
        WHERE coalesce(workspace_id, '') = coalesce(NEW.workspace_id, '') AND seq = NEW.seq AND seq > 0))
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed or deleted');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_events_not_deleted BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed or deleted');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes rows without firing the trigger above.
-- +goose StatementBegin
CREATE TRIGGER audit_events_not_replaced BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id OR rowid = NEW.rowid AND rowid > 0)
    OR NEW.seq > 0 AND EXISTS (SELECT 1 FROM audit_events
        WHERE coalesce(workspace_id, '') = coalesce(NEW.workspace_id, '') AND seq = NEW.seq AND seq > 0)
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed or deleted');
END;
-- +goose StatementEnd
