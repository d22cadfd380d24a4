-- Usage by hour and by day, of which the hours of the first day aren't kept any more, and callers.
INSERT INTO api_key_usage_days (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests) VALUES
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2025-12-01 00:00:00.000', 'GET /seats', 'seats.read', 2, '', 100),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 00:00:00.000', 'GET /seats', 'seats.read', 2, '', 30),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 00:00:00.000', 'POST /workspace_members', 'members.write', 2, '', 2),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 00:00:00.000', 'POST /seats', 'seats.write', 4, 'scope', 5);
INSERT INTO api_key_usage_hours (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests) VALUES
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 09:00:00.000', 'GET /seats', 'seats.read', 2, '', 20),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 10:00:00.000', 'GET /seats', 'seats.read', 2, '', 10),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 10:00:00.000', 'POST /workspace_members', 'members.write', 2, '', 2),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '2026-03-12 10:00:00.000', 'POST /seats', 'seats.write', 4, 'scope', 5);

INSERT INTO api_key_callers (api_key_id, workspace_id, address, user_agent, accepted, refused, first_seen_at, last_seen_at, last_accepted_at, first_refused_at, last_refused_at, last_refusal, last_refused_route) VALUES
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '192.0.2.1', 'curl/8', 130, 5, '2025-12-01 10:00:00.000', '2026-03-12 10:15:00.000', '2026-03-12 10:15:00.000', '2026-03-12 10:10:00.000', '2026-03-12 10:10:00.000', 'scope', 'POST /seats'),
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', '', '', 2, 0, '2026-03-12 10:00:00.000', '2026-03-12 10:00:00.000', '2026-03-12 10:00:00.000', NULL, NULL, '', '');
