-- +goose Up

-- The scopes that accepted requests have used. Computing them from the counts takes too long for a review
-- of all keys of a workspace.
ALTER TABLE api_keys ADD COLUMN needed_scopes text NOT NULL DEFAULT '';
UPDATE api_keys SET needed_scopes = uses.scopes
FROM (SELECT api_key_id, group_concat(scope, ' ') AS scopes FROM (SELECT DISTINCT api_key_id, refusal, scope FROM api_key_route_uses) AS needed WHERE refusal = '' AND scope <> '' GROUP BY api_key_id) AS uses
WHERE api_keys.id = uses.api_key_id;
