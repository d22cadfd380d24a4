-- +goose Up

-- A single row. The transaction that creates the first workspace sets set_up_at while it holds the row's lock.
CREATE TABLE installation (
    id         integer PRIMARY KEY CHECK (id = 1),
    set_up_at  timestamptz
);
INSERT INTO installation (id) VALUES (1);

CREATE TABLE setup_links (
    digest      bytea PRIMARY KEY,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE workspaces (
    id          text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);

CREATE TABLE users (
    id             text COLLATE "C" PRIMARY KEY,
    email          text NOT NULL UNIQUE,
    name           text NOT NULL,
    password_hash  text NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);

CREATE TABLE members (
    id              text COLLATE "C" PRIMARY KEY,
    workspace_id    text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    user_id         text COLLATE "C" NOT NULL REFERENCES users (id),
    role            text NOT NULL CHECK (role IN ('admin', 'member')),
    deactivated_at  timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (workspace_id, user_id)
);
CREATE INDEX members_user_id ON members (user_id);

-- Sessions, by the hash of the ID in the cookie.
CREATE TABLE sessions (
    digest        bytea PRIMARY KEY,
    user_id       text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id  text COLLATE "C" REFERENCES workspaces (id),
    address       text NOT NULL,
    user_agent    text NOT NULL,
    notice        text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- Browsers in which a user has signed in before. Failed attempts from elsewhere don't delay them.
CREATE TABLE known_devices (
    digest        bytea PRIMARY KEY,
    user_id       text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz NOT NULL
);
CREATE INDEX known_devices_user_id ON known_devices (user_id);

CREATE TABLE sign_in_throttles (
    subject        text PRIMARY KEY,
    failures       integer NOT NULL,
    blocked_until  timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE INDEX sign_in_throttles_updated_at ON sign_in_throttles (updated_at);

CREATE TABLE api_keys (
    id                    text COLLATE "C" PRIMARY KEY,
    workspace_id          text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    name                  text NOT NULL,
    key_prefix            text NOT NULL,
    digest                bytea NOT NULL UNIQUE,
    scopes                text NOT NULL,
    expires_at            timestamptz,
    -- The form that created the key. Submitting it twice creates only one key.
    form_id               text,
    created_by_type       text NOT NULL,
    created_by_id         text,
    created_by_name       text NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    last_used_at          timestamptz,
    last_used_address     text NOT NULL DEFAULT '',
    last_used_user_agent  text NOT NULL DEFAULT '',
    deleted_at            timestamptz,
    deleted_by_name       text NOT NULL DEFAULT '',
    UNIQUE (workspace_id, form_id)
);
CREATE INDEX api_keys_workspace_id_id ON api_keys (workspace_id, id);

CREATE TABLE meeting_requests (
    id                    text COLLATE "C" PRIMARY KEY,
    workspace_id          text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    organizer_id          text COLLATE "C" NOT NULL REFERENCES members (id),
    organizer_email       text NOT NULL,
    organizer_name        text,
    organizer_timezone    text,
    status                text NOT NULL CHECK (status IN ('active', 'paused', 'booked', 'cancelled')),
    title                 text,
    purpose               text,
    description           text,
    include_introduction  boolean NOT NULL,
    duration_minutes      integer,
    timeframe_start       timestamptz,
    timeframe_end         timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    booked_at             timestamptz,
    cancelled_at          timestamptz,
    paused_at             timestamptz
);
CREATE INDEX meeting_requests_workspace_id_id ON meeting_requests (workspace_id, id);
CREATE INDEX meeting_requests_organizer_email ON meeting_requests (workspace_id, organizer_email, id);
CREATE INDEX meeting_requests_status ON meeting_requests (workspace_id, status, id);

CREATE TABLE meeting_request_participants (
    meeting_request_id  text COLLATE "C" NOT NULL REFERENCES meeting_requests (id) ON DELETE CASCADE,
    position            integer NOT NULL,
    workspace_id        text COLLATE "C" NOT NULL REFERENCES workspaces (id),
    email               text NOT NULL,
    name                text,
    timezone            text,
    PRIMARY KEY (meeting_request_id, position)
);
CREATE INDEX meeting_request_participants_email ON meeting_request_participants (workspace_id, email, meeting_request_id);

CREATE TABLE audit_events (
    id            text COLLATE "C" PRIMARY KEY,
    workspace_id  text COLLATE "C" REFERENCES workspaces (id),
    actor_type    text NOT NULL,
    actor_id      text,
    actor_name    text NOT NULL,
    action        text NOT NULL,
    target_type   text NOT NULL,
    target_id     text NOT NULL,
    target_name   text NOT NULL,
    details       text NOT NULL,
    address       text NOT NULL,
    user_agent    text NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX audit_events_workspace_id_id ON audit_events (workspace_id, id);
CREATE INDEX audit_events_target ON audit_events (workspace_id, target_id, id);
