-- +goose Up

-- Passkeys: public keys with which people sign in without a password (WebAuthn).
CREATE TABLE passkeys (
    id               text COLLATE "C" PRIMARY KEY,
    user_id          text COLLATE "C" NOT NULL REFERENCES users (id),
    credential_id    bytea NOT NULL,
    public_key       bytea NOT NULL, -- in COSE
    sign_count       bigint NOT NULL,
    transports       text NOT NULL, -- separated by spaces
    backup_eligible  boolean NOT NULL,
    backed_up        boolean NOT NULL,
    aaguid           bytea NOT NULL,
    name             text NOT NULL,
    last_used_at     timestamptz,
    created_at       timestamptz NOT NULL
);
CREATE UNIQUE INDEX passkeys_credential_id ON passkeys (credential_id);
CREATE INDEX passkeys_user_id ON passkeys (user_id);

-- Challenges that wait for the answer of a passkey. The holder is the hash of what the browser must send with
-- the answer, and the client that of its network.
CREATE TABLE passkey_challenges (
    digest      bytea PRIMARY KEY,
    purpose     text NOT NULL,
    holder      bytea NOT NULL,
    user_id     text NOT NULL, -- empty if any user may answer
    client      text NOT NULL,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX passkey_challenges_client ON passkey_challenges (client);

-- The random ID under which authenticators keep the passkeys of a person; empty before the first one.
ALTER TABLE users ADD COLUMN passkey_handle bytea NOT NULL DEFAULT '';
