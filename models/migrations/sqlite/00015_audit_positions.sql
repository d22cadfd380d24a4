-- +goose Up

-- All events are in a chain now. A CHECK would reject a table with events that someone inserted outside a
-- chain before, so a trigger keeps new ones out. "skipup audit verify" reports the others.
-- +goose StatementBegin
CREATE TRIGGER audit_events_chained BEFORE INSERT ON audit_events
WHEN typeof(NEW.seq) <> 'integer' OR NEW.seq < 1
BEGIN
    SELECT RAISE(ABORT, 'audit events have a position from 1');
END;
-- +goose StatementEnd

DROP TRIGGER audit_events_kept;
-- +goose StatementBegin
CREATE TRIGGER audit_events_kept BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed or deleted');
END;
-- +goose StatementEnd

DROP INDEX audit_events_unchained;
CREATE INDEX audit_events_unchained ON audit_events (id) WHERE seq < 1;
