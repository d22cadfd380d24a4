-- +goose Up

-- What people prove in addition to their password. The kind "totp" is an authenticator app (RFC 6238), whose
-- secret is sealed with the encryption key. Codes up to last_step were used or have expired.
CREATE TABLE second_factors (
    id            text PRIMARY KEY,
    user_id       text NOT NULL REFERENCES users (id),
    kind          text NOT NULL,
    sealed        blob NOT NULL,
    last_step     integer NOT NULL,
    last_used_at  timestamp,
    created_at    timestamp NOT NULL
);
CREATE UNIQUE INDEX second_factors_totp ON second_factors (user_id) WHERE kind = 'totp';

-- Unused codes for people who have lost their second factor.
CREATE TABLE recovery_codes (
    digest      blob PRIMARY KEY,
    user_id     text NOT NULL REFERENCES users (id),
    created_at  timestamp NOT NULL
);
CREATE INDEX recovery_codes_user_id ON recovery_codes (user_id);

-- Sign-ins with a correct password that wait for a code.
CREATE TABLE pending_sign_ins (
    digest      blob PRIMARY KEY,
    user_id     text NOT NULL REFERENCES users (id),
    expires_at  timestamp NOT NULL,
    created_at  timestamp NOT NULL
);
CREATE INDEX pending_sign_ins_user_id ON pending_sign_ins (user_id);

ALTER TABLE workspaces ADD COLUMN second_factor_required boolean NOT NULL DEFAULT false;

-- When the person last proved who they are; null if that was at sign-in.
ALTER TABLE sessions ADD COLUMN proven_at timestamp;
