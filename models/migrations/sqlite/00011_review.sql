-- +goose Up

-- Which scopes each key has needed, for the review of all keys of a workspace at once.
CREATE INDEX api_key_route_uses_scopes ON api_key_route_uses (workspace_id, api_key_id, scope) WHERE refusal = '' AND scope <> '';
