-- +goose Up

-- What happened to API keys of a workspace, for the people who manage them, and what happened to the account of a
-- person. The workspace or the user is set. A row about several keys names none.
CREATE TABLE notifications (
    id            text PRIMARY KEY,
    workspace_id  text REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id       text REFERENCES users (id) ON DELETE CASCADE,
    kind          text NOT NULL,
    api_key_id    text NOT NULL,
    keys          integer NOT NULL,
    actor_type    text NOT NULL,
    actor_id      text NOT NULL,
    created_at    timestamp NOT NULL,
    CHECK ((workspace_id IS NULL) <> (user_id IS NULL))
);
CREATE INDEX notifications_workspace_id ON notifications (workspace_id, id) WHERE workspace_id IS NOT NULL;
CREATE INDEX notifications_user_id ON notifications (user_id, id) WHERE user_id IS NOT NULL;

-- Notifications that someone has yet to be emailed about. Those that are due together are one email.
CREATE TABLE notification_emails (
    member_id        text NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    notification_id  text NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    due_at           timestamp NOT NULL,
    attempts         integer NOT NULL,
    PRIMARY KEY (member_id, notification_id)
);
CREATE INDEX notification_emails_due_at ON notification_emails (due_at);
CREATE INDEX notification_emails_notification_id ON notification_emails (notification_id);

-- The last notification that the member has marked as read.
ALTER TABLE members ADD COLUMN read_notification_id text NOT NULL DEFAULT '';

-- The emails that the person has turned off.
ALTER TABLE users ADD COLUMN muted_emails text NOT NULL DEFAULT '';

-- The browser that an email about a new device is about.
ALTER TABLE account_emails ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE account_emails ADD COLUMN user_agent text NOT NULL DEFAULT '';
