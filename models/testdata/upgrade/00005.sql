-- An event, a seat, an invitation, the response to a request with an Idempotency-Key, and a rotation in progress.
UPDATE workspaces SET seat_capacity = 7;

INSERT INTO events (id, workspace_id, type, data, created_at) VALUES
    ('evt_00000000000000000000000001', 'ws_00000000000000000000000001', 'member.added', '{"id":"mem_00000000000000000000000002"}', '2026-03-13 08:00:00.000');
INSERT INTO seats (id, workspace_id, member_id, assigned_at) VALUES
    ('seat_00000000000000000000000001', 'ws_00000000000000000000000001', 'mem_00000000000000000000000001', '2025-11-04 08:00:00.000');
INSERT INTO invitations (member_id, digest, mail_attempts, mailed_at, expires_at, created_at) VALUES
    ('mem_00000000000000000000000002', sha256('invitation of Bob'), 1, '2026-03-13 08:00:01.000', '2026-03-20 08:00:00.000', '2026-03-13 08:00:00.000');
INSERT INTO idempotent_answers (api_key_id, key, fingerprint, status, body, created_at) VALUES
    ('key_00000000000000000000000001', 'order-1', sha256('POST /seats'), 201, x'7b7d', '2026-03-14 08:00:00.000');

INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, created_by_type, created_by_id, created_by_name, created_at, updated_at, successor_id, predecessor_id, lineage_id) VALUES
    ('key_00000000000000000000000005', 'ws_00000000000000000000000001', 'Deploy', 'sk_live_Depl....', sha256('sk_live_DeployNew00000000000000000000043RuYm'), 'seats.read', 'api_key', 'key_00000000000000000000000001', 'CI', '2026-02-02 08:00:00.000', '2026-02-02 08:00:00.000', NULL, NULL, NULL),
    ('key_00000000000000000000000004', 'ws_00000000000000000000000001', 'Deploy', 'sk_live_Depl....', sha256('sk_live_Deploy0000000000000000000000000jan0G'), 'seats.read seats.write', 'member', 'mem_00000000000000000000000001', 'Ada', '2026-01-02 08:00:00.000', '2026-02-02 08:00:00.000', 'key_00000000000000000000000005', NULL, NULL);
UPDATE api_keys SET predecessor_id = 'key_00000000000000000000000004', lineage_id = 'key_00000000000000000000000004' WHERE id = 'key_00000000000000000000000005';
