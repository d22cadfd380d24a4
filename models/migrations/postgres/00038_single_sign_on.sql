-- +goose Up

-- People as the provider of single sign-on knows them: the issuer and the subject of its ID tokens (OpenID
-- Connect Core 1.0 §2), which stay the same when the person's email changes.
CREATE TABLE user_identities (
    id            text COLLATE "C" PRIMARY KEY,
    user_id       text COLLATE "C" NOT NULL REFERENCES users (id),
    issuer        text COLLATE "C" NOT NULL,
    subject       text COLLATE "C" NOT NULL,
    last_used_at  timestamptz NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX user_identities_issuer_subject ON user_identities (issuer, subject);
CREATE UNIQUE INDEX user_identities_user_id ON user_identities (user_id, issuer);

-- Browsers on their way to the provider and back. The session is that of a person who proves who they are again.
CREATE TABLE provider_round_trips (
    digest          bytea PRIMARY KEY,
    session_digest  bytea NOT NULL,
    next            text NOT NULL,
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL
);

-- Logout tokens that were used, so that none is used again.
CREATE TABLE used_logout_tokens (
    digest      bytea PRIMARY KEY,
    expires_at  timestamptz NOT NULL
);

-- How someone signed in with single sign-on: the identity, the provider's session, and whether the provider asked
-- for a second factor.
ALTER TABLE sessions ADD COLUMN identity_id text COLLATE "C" REFERENCES user_identities (id);
ALTER TABLE sessions ADD COLUMN provider_session text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN provider_second_factor boolean NOT NULL DEFAULT false;
CREATE INDEX sessions_identity_id ON sessions (identity_id) WHERE identity_id IS NOT NULL;
ALTER TABLE pending_sign_ins ADD COLUMN identity_id text COLLATE "C" REFERENCES user_identities (id);
ALTER TABLE pending_sign_ins ADD COLUMN provider_session text COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE workspaces ADD COLUMN single_sign_on_required boolean NOT NULL DEFAULT false;
