-- +goose Up

-- The emails to a recipient and from a workspace in the current period.
CREATE TABLE email_limits (
    subject    text PRIMARY KEY,
    sent       integer NOT NULL,
    resets_at  timestamp NOT NULL
);
