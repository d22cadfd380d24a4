-- +goose Up

-- The last use of each key by route and reason for rejection, with its caller. It is exact to the
-- millisecond, and kept longer than the counts by hour.
CREATE TABLE api_key_route_uses (
    api_key_id       text NOT NULL,
    workspace_id     text NOT NULL,
    route            text NOT NULL,
    refusal          text NOT NULL,
    scope            text NOT NULL,
    requests         integer NOT NULL,
    first_at         timestamp NOT NULL,
    last_at          timestamp NOT NULL,
    last_address     text NOT NULL,
    last_user_agent  text NOT NULL,
    PRIMARY KEY (api_key_id, route, refusal)
);
CREATE INDEX api_key_route_uses_last_at ON api_key_route_uses (last_at);

-- The time of earlier requests is known to the hour or, for older ones, to the day.
INSERT INTO api_key_route_uses
SELECT api_key_id, workspace_id, route, refusal, max(scope), sum(CASE WHEN counted THEN requests ELSE 0 END),
    min(starts_at), max(starts_at), '', ''
FROM (
    SELECT api_key_id, workspace_id, route, refusal, scope, requests, starts_at, true AS counted FROM api_key_usage_days
    UNION ALL
    SELECT api_key_id, workspace_id, route, refusal, scope, requests, starts_at, false FROM api_key_usage_hours
) AS counts
GROUP BY api_key_id, workspace_id, route, refusal;
