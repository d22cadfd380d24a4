-- +goose Up

-- Each event has a position in the chain of its workspace, and a hash of itself and the previous event.
-- Position 0 is for events from an earlier version that are not chained yet.
ALTER TABLE audit_events ADD COLUMN seq bigint NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN hash bytea NOT NULL DEFAULT '';
CREATE UNIQUE INDEX audit_events_chain ON audit_events (coalesce(workspace_id, ''), seq) WHERE seq > 0;
CREATE INDEX audit_events_unchained ON audit_events (id) WHERE seq = 0;

-- For searching the log, newest first.
CREATE INDEX audit_events_actor ON audit_events (workspace_id, coalesce(actor_id, actor_type), id);
CREATE INDEX audit_events_action ON audit_events (workspace_id, action, id);

-- The head of each chain. The chain of events without a workspace has an empty name. The row's lock keeps
-- two events from getting the same position.
CREATE TABLE audit_chains (
    chain  text COLLATE "C" PRIMARY KEY,
    seq    bigint NOT NULL,
    hash   bytea NOT NULL
);
INSERT INTO audit_chains (chain, seq, hash) SELECT id, 0, ''::bytea FROM workspaces UNION ALL SELECT '', 0, ''::bytea;

-- +goose StatementBegin
CREATE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.seq = 0 AND NEW.seq > 0 AND to_jsonb(NEW) - 'seq' - 'hash' = to_jsonb(OLD) - 'seq' - 'hash' THEN
            RETURN NEW; -- the event is being chained
        END IF;
    END IF;
    RAISE EXCEPTION 'audit events are never changed or deleted';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_events_kept BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION keep_audit_events();
CREATE TRIGGER audit_events_not_emptied BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events();
