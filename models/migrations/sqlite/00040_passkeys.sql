-- +goose Up

-- Passkeys: public keys with which people sign in without a password (WebAuthn).
CREATE TABLE passkeys (
    id               text PRIMARY KEY,
    user_id          text NOT NULL REFERENCES users (id),
    credential_id    blob NOT NULL,
    public_key       blob NOT NULL, -- in COSE
    sign_count       integer NOT NULL,
    transports       text NOT NULL, -- separated by spaces
    backup_eligible  boolean NOT NULL,
    backed_up        boolean NOT NULL,
    aaguid           blob NOT NULL,
    name             text NOT NULL,
    last_used_at     timestamp,
    created_at       timestamp NOT NULL
);
CREATE UNIQUE INDEX passkeys_credential_id ON passkeys (credential_id);
CREATE INDEX passkeys_user_id ON passkeys (user_id);

-- Challenges that wait for the answer of a passkey. The holder is the hash of what the browser must send with
-- the answer, and the client that of its network.
CREATE TABLE passkey_challenges (
    digest      blob PRIMARY KEY,
    purpose     text NOT NULL,
    holder      blob NOT NULL,
    user_id     text NOT NULL, -- empty if any user may answer
    client      text NOT NULL,
    expires_at  timestamp NOT NULL,
    created_at  timestamp NOT NULL
);
CREATE INDEX passkey_challenges_client ON passkey_challenges (client);

-- The random ID under which authenticators keep the passkeys of a person; empty before the first one.
ALTER TABLE users ADD COLUMN passkey_handle blob NOT NULL DEFAULT x'';
