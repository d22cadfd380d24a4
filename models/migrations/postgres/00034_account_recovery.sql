-- +goose Up

-- Single-use links with which a person changes their account: to choose a new password, or to confirm a new
-- email.
CREATE TABLE account_links (
    digest      bytea PRIMARY KEY,
    user_id     text COLLATE "C" NOT NULL REFERENCES users (id),
    purpose     text NOT NULL,
    email       text NOT NULL, -- to which the link was sent; empty if it wasn't
    created_by  text NOT NULL, -- the user who created the link for someone else, if one did
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX account_links_user_id ON account_links (user_id);

-- Emails to send to a person about their account. The recipient of a request to reset a password may have
-- no account.
CREATE TABLE account_emails (
    id          text COLLATE "C" PRIMARY KEY,
    kind        text NOT NULL,
    recipient   text NOT NULL,
    user_id     text NOT NULL, -- empty if it isn't known yet
    new_email   text NOT NULL,
    due_at      timestamptz NOT NULL,
    attempts    integer NOT NULL,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX account_emails_due_at ON account_emails (due_at);
