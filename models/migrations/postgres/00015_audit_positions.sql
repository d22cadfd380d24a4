-- +goose Up

-- All events are in a chain now. NOT VALID: events that someone inserted outside a chain before stay, and
-- "skipup audit verify" reports them.
ALTER TABLE audit_events ADD CONSTRAINT audit_events_chained CHECK (seq >= 1) NOT VALID;
ALTER TABLE audit_events ALTER COLUMN seq DROP DEFAULT;
ALTER TABLE audit_events ALTER COLUMN hash DROP DEFAULT;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are never changed or deleted';
END
$$;
-- +goose StatementEnd

DROP INDEX audit_events_unchained;
CREATE INDEX audit_events_unchained ON audit_events (id) WHERE seq < 1;
