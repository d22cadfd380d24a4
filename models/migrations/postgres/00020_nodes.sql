-- +goose Up

-- The processes that may verify keys from memory. A change to a key waits until each has applied its
-- epoch. A node adds its row before the poll that may grant its first lease.
CREATE TABLE nodes (
    id               text PRIMARY KEY, -- random, and new each time a node registers
    name             text NOT NULL,
    version          text NOT NULL,
    started_at       timestamptz NOT NULL,
    applied_epoch    bigint NOT NULL,
    acknowledged_at  timestamptz NOT NULL
);

-- The changes to keys, for nodes to check that the last change they know is part of this history. After
-- a failover that lost commits, another change may have the same epoch.
CREATE TABLE key_changes (
    epoch      bigint PRIMARY KEY,
    change_id  text NOT NULL
);

-- The new lease is for nodes that acknowledge changes. Nodes of earlier versions use lease_ms and wait_ms,
-- and get no lease once lease_ms is 0. There can't be any if there is no workspace yet.
ALTER TABLE revocation
    DROP CONSTRAINT revocation_lease_ms_check,
    ADD CONSTRAINT revocation_lease_ms_check CHECK (lease_ms >= 0),
    ADD COLUMN change_id      text NOT NULL DEFAULT '',
    ADD COLUMN node_lease_ms  integer NOT NULL DEFAULT 5000 CHECK (node_lease_ms > 0),
    ADD COLUMN node_wait_ms   integer NOT NULL DEFAULT 5000 CHECK (node_wait_ms > 0);
UPDATE revocation SET lease_ms = 0, wait_ms = 0 WHERE NOT EXISTS (SELECT 1 FROM workspaces);
INSERT INTO key_changes (epoch, change_id) SELECT epoch, change_id FROM revocation;

-- A change commits durably even where synchronous_commit is off, because a crash must not undo it.
-- +goose StatementBegin
CREATE FUNCTION check_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.lease_ms = 0 AND (NEW.lease_ms > 0 OR NEW.epoch <> OLD.epoch AND NEW.change_id = OLD.change_id) THEN
        RAISE EXCEPTION 'this version of SkipUp Keys is older than the database; upgrade it';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION record_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO key_changes (epoch, change_id) VALUES (NEW.epoch, NEW.change_id);
    PERFORM pg_notify('skipup_key_changes', current_schema());
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER revocation_checked BEFORE UPDATE ON revocation FOR EACH ROW EXECUTE FUNCTION check_revocation();
CREATE TRIGGER revocation_recorded AFTER UPDATE OF epoch ON revocation FOR EACH ROW EXECUTE FUNCTION record_key_change();

-- How many nodes confirmed a deletion, and the names of those that didn't, separated by commas. The
-- number is null for deletions by earlier versions.
ALTER TABLE api_keys
    ADD COLUMN deletion_nodes         integer,
    ADD COLUMN deletion_silent_nodes  text NOT NULL DEFAULT '';
