-- +goose Up

-- Events for webhook endpoints, each written in the transaction of the change that it reports.
CREATE TABLE events (
    id            text COLLATE "C" PRIMARY KEY,
    workspace_id  text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    type          text NOT NULL,
    data          text NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX events_workspace_id_id ON events (workspace_id, id);
CREATE INDEX events_created_at ON events (created_at);

-- The number of seats. The row's lock keeps two members from being assigned the last one.
ALTER TABLE workspaces ADD COLUMN seat_capacity integer NOT NULL DEFAULT 10 CHECK (seat_capacity >= 0);

CREATE TABLE seats (
    id            text COLLATE "C" PRIMARY KEY,
    workspace_id  text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    member_id     text COLLATE "C" NOT NULL UNIQUE REFERENCES members (id),
    assigned_at   timestamptz NOT NULL
);
CREATE INDEX seats_workspace_id_id ON seats (workspace_id, id);

-- Invitation links, one for each member. The digest is that of the latest link. While mail_due_at is set,
-- a link is yet to be created and emailed.
CREATE TABLE invitations (
    member_id   text COLLATE "C" PRIMARY KEY REFERENCES members (id),
    digest      bytea NOT NULL UNIQUE,
    mail_due_at    timestamptz,
    mail_attempts  integer NOT NULL DEFAULT 0,
    mailed_at      timestamptz,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE INDEX invitations_mail_due_at ON invitations (mail_due_at) WHERE mail_due_at IS NOT NULL;

CREATE INDEX members_workspace_id_id ON members (workspace_id, id);

-- The first response to each request with an Idempotency-Key.
CREATE TABLE idempotent_answers (
    api_key_id   text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    fingerprint  bytea NOT NULL,
    status       integer NOT NULL,
    body         bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotent_answers_created_at ON idempotent_answers (created_at);
