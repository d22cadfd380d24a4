-- +goose Up

-- The processes that may verify keys from memory. A change to a key waits until each has applied its
-- epoch. A node adds its row before the poll that may grant its first lease.
CREATE TABLE nodes (
    id               text PRIMARY KEY, -- random, and new each time a node registers
    name             text NOT NULL,
    version          text NOT NULL,
    started_at       timestamp NOT NULL,
    applied_epoch    integer NOT NULL,
    acknowledged_at  timestamp NOT NULL
);

-- The changes to keys, for nodes to check that the last change they know is part of this history. After
-- the database is restored, another change may have the same epoch.
CREATE TABLE key_changes (
    epoch      integer PRIMARY KEY,
    change_id  text NOT NULL
);

-- The new lease is for nodes that acknowledge changes. Nodes of earlier versions use lease_ms and wait_ms.
-- They get no lease anymore, but may hold one from before the migration, unless there is no workspace yet.
CREATE TABLE revocation_with_nodes (
    id             integer PRIMARY KEY CHECK (id = 1),
    epoch          integer NOT NULL,
    change_id      text NOT NULL DEFAULT '',
    lease_ms       integer NOT NULL CHECK (lease_ms >= 0),
    wait_ms        integer NOT NULL CHECK (wait_ms >= lease_ms),
    lease_version  integer NOT NULL,
    node_lease_ms  integer NOT NULL DEFAULT 5000 CHECK (node_lease_ms > 0),
    node_wait_ms   integer NOT NULL DEFAULT 5000 CHECK (node_wait_ms > 0)
);
INSERT INTO revocation_with_nodes (id, epoch, lease_ms, wait_ms, lease_version)
    SELECT id, epoch, 0, CASE WHEN EXISTS (SELECT 1 FROM workspaces) THEN wait_ms ELSE 0 END, lease_version FROM revocation;
DROP TABLE revocation;
ALTER TABLE revocation_with_nodes RENAME TO revocation;
INSERT INTO key_changes (epoch, change_id) SELECT epoch, change_id FROM revocation;

-- +goose StatementBegin
CREATE TRIGGER revocation_checked BEFORE UPDATE ON revocation
WHEN OLD.lease_ms = 0 AND (NEW.lease_ms > 0 OR NEW.epoch <> OLD.epoch AND NEW.change_id = OLD.change_id)
BEGIN
    SELECT RAISE(ABORT, 'this version of SkipUp Keys is older than the database; upgrade it');
END;
CREATE TRIGGER revocation_recorded AFTER UPDATE OF epoch ON revocation
BEGIN
    INSERT INTO key_changes (epoch, change_id) VALUES (NEW.epoch, NEW.change_id);
END;
-- +goose StatementEnd

-- How many nodes confirmed a deletion, and the names of those that didn't, separated by commas. The
-- number is null for deletions by earlier versions.
ALTER TABLE api_keys ADD COLUMN deletion_nodes integer;
ALTER TABLE api_keys ADD COLUMN deletion_silent_nodes text NOT NULL DEFAULT '';
