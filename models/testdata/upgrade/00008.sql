-- A paused key, a reminder, and a webhook endpoint with its secret and a delivery.
INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, created_by_type, created_by_id, created_by_name, created_at, updated_at, paused_at, paused_until, paused_by_name) VALUES
    ('key_00000000000000000000000006', 'ws_00000000000000000000000001', 'Exporter', 'sk_live_Paus....', sha256('sk_live_Paused00000000000000000000000043849A'), 'seats.read', 'member', 'mem_00000000000000000000000001', 'Ada', '2026-01-03 08:00:00.000', '2026-03-13 08:00:00.000', '2026-03-13 08:00:00.000', '2026-03-20 08:00:00.000', 'Ada');

INSERT INTO expiry_reminders (api_key_id, expires_at, days, created_at) VALUES
    ('key_00000000000000000000000003', '2026-01-15 00:00:00.000', 7, '2026-01-08 00:00:00.000');
INSERT INTO expiry_mails (member_id, api_key_id, expires_at, due_at, attempts) VALUES
    ('mem_00000000000000000000000001', 'key_00000000000000000000000003', '2026-01-15 00:00:00.000', '2026-01-08 00:00:00.000', 1);

INSERT INTO webhook_endpoints (id, workspace_id, url, description, events, created_at, updated_at) VALUES
    ('whe_00000000000000000000000001', 'ws_00000000000000000000000001', 'https://hooks.shop.example/skipup', 'Orders', 'member.added', '2026-01-04 08:00:00.000', '2026-01-04 08:00:00.000');
INSERT INTO webhook_secrets (id, endpoint_id, sealed, created_at) VALUES
    ('whs_00000000000000000000000001', 'whe_00000000000000000000000001', x'011fe5084c61206e6f6e6365206f662032342062797465732031323334545c636db51905642bd5e7b5f62a4455a796f0e577f4f335480ec072ce3e45f78b12ad72476c00eb0cd60262986ba32c0db56f0a8b2f', '2026-01-04 08:00:00.000');
INSERT INTO webhook_deliveries (id, workspace_id, endpoint_id, event_id, event_type, status, scheduled, attempts, last_attempted_at, response_code, response_excerpt, failure, duration_ms, delivered_at, created_at) VALUES
    ('whd_00000000000000000000000001', 'ws_00000000000000000000000001', 'whe_00000000000000000000000001', 'evt_00000000000000000000000001', 'member.added', 'success', true, 2, '2026-03-13 08:01:00.000', 204, '', '', 12, '2026-03-13 08:01:00.000', '2026-03-13 08:00:00.000');
