-- +goose Up

-- The credentials of nodes without access to the database. Rows are kept after they are revoked.
CREATE TABLE node_tokens (
    id            text PRIMARY KEY,
    name          text NOT NULL,
    workspace_id  text REFERENCES workspaces (id), -- whose keys the nodes verify; null for all
    digest        blob NOT NULL UNIQUE,
    created_at    timestamp NOT NULL,
    revoked_at    timestamp
);
CREATE UNIQUE INDEX node_tokens_name ON node_tokens (name) WHERE revoked_at IS NULL;

-- The credential of a node; empty for a server, which has access to the database.
ALTER TABLE nodes ADD COLUMN token_id text NOT NULL DEFAULT '';
