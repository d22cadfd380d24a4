-- +goose Up

-- Events for webhook endpoints, each written in the transaction of the change that it reports.
CREATE TABLE events (
    id            text PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    type          text NOT NULL,
    data          text NOT NULL,
    created_at    timestamp NOT NULL
);
CREATE INDEX events_workspace_id_id ON events (workspace_id, id);
CREATE INDEX events_created_at ON events (created_at);

-- The number of seats. The row's lock keeps two members from being assigned the last one.
ALTER TABLE workspaces ADD COLUMN seat_capacity integer NOT NULL DEFAULT 10 CHECK (seat_capacity >= 0);

CREATE TABLE seats (
    id            text PRIMARY KEY,
    workspace_id  text NOT NULL REFERENCES workspaces (id),
    member_id     text NOT NULL UNIQUE REFERENCES members (id),
    assigned_at   timestamp NOT NULL
);
CREATE INDEX seats_workspace_id_id ON seats (workspace_id, id);

-- Invitation links, one for each member. The digest is that of the latest link. While mail_due_at is set,
-- a link is yet to be created and emailed.
CREATE TABLE invitations (
    member_id   text PRIMARY KEY REFERENCES members (id),
    digest      blob NOT NULL UNIQUE,
    mail_due_at    timestamp,
    mail_attempts  integer NOT NULL DEFAULT 0,
    mailed_at      timestamp,
    expires_at  timestamp NOT NULL,
    created_at  timestamp NOT NULL
);

CREATE INDEX invitations_mail_due_at ON invitations (mail_due_at) WHERE mail_due_at IS NOT NULL;

CREATE INDEX members_workspace_id_id ON members (workspace_id, id);

-- The first response to each request with an Idempotency-Key.
CREATE TABLE idempotent_answers (
    api_key_id   text NOT NULL,
    key          text NOT NULL,
    fingerprint  blob NOT NULL,
    status       integer NOT NULL,
    body         blob NOT NULL,
    created_at   timestamp NOT NULL,
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotent_answers_created_at ON idempotent_answers (created_at);
