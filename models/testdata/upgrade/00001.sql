-- A workspace with its admin, an invited person, and a deactivated member; keys in use, deleted, and expired.
UPDATE installation SET set_up_at = '2025-11-01 08:00:00.000';

INSERT INTO workspaces (id, name, created_at, updated_at) VALUES
    ('ws_00000000000000000000000001', 'Acme', '2025-11-01 08:00:00.000', '2025-11-01 08:00:00.000');

INSERT INTO users (id, email, name, password_hash, created_at, updated_at) VALUES
    ('usr_00000000000000000000000001', 'ada@bücher.example', 'Ada', '$argon2id$v=19$m=64,t=1,p=1$nrFqZ/MX6ipgHHg/YhXzJA$SkXLa7RQV317RfYZsbNJfFS+OmfUE7H8FHsZs0MUZzs', '2025-11-01 08:00:00.000', '2025-11-01 08:00:00.000'),
    ('usr_00000000000000000000000002', 'bob@acme.example', 'Bob', '', '2025-11-02 08:00:00.000', '2025-11-02 08:00:00.000'),
    ('usr_00000000000000000000000003', 'cleo@acme.example', 'Cleo', 'none', '2025-11-03 08:00:00.000', '2025-11-03 08:00:00.000');

INSERT INTO members (id, workspace_id, user_id, role, deactivated_at, created_at, updated_at) VALUES
    ('mem_00000000000000000000000001', 'ws_00000000000000000000000001', 'usr_00000000000000000000000001', 'admin', NULL, '2025-11-01 08:00:00.000', '2025-11-01 08:00:00.000'),
    ('mem_00000000000000000000000002', 'ws_00000000000000000000000001', 'usr_00000000000000000000000002', 'member', NULL, '2025-11-02 08:00:00.000', '2025-11-02 08:00:00.000'),
    ('mem_00000000000000000000000003', 'ws_00000000000000000000000001', 'usr_00000000000000000000000003', 'member', '2025-12-01 08:00:00.000', '2025-11-03 08:00:00.000', '2025-12-01 08:00:00.000');

INSERT INTO sessions (digest, user_id, workspace_id, address, user_agent, notice, created_at, last_seen_at, expires_at) VALUES
    (sha256('session of Ada'), 'usr_00000000000000000000000001', 'ws_00000000000000000000000001', '192.0.2.7', 'Browser/1.0', 'Saved.', '2026-03-14 08:00:00.000', '2026-03-14 09:00:00.000', '2026-04-13 08:00:00.000');

INSERT INTO known_devices (digest, user_id, created_at, last_used_at) VALUES
    (sha256('device of Ada'), 'usr_00000000000000000000000001', '2025-11-01 08:00:00.000', '2026-03-14 08:00:00.000');

INSERT INTO sign_in_throttles (subject, failures, blocked_until, updated_at) VALUES
    ('account usr_00000000000000000000000003', 2, '2026-03-14 09:00:00.000', '2026-03-14 09:00:00.000');

INSERT INTO setup_links (digest, expires_at, created_at) VALUES
    (sha256('setup link'), '2025-11-02 07:00:00.000', '2025-11-01 07:00:00.000');

INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, expires_at, created_by_type, created_by_id, created_by_name, created_at, updated_at, last_used_at, last_used_address, last_used_user_agent, deleted_at, deleted_by_name) VALUES
    ('key_00000000000000000000000001', 'ws_00000000000000000000000001', 'CI', 'sk_live_CI00....', sha256('sk_live_CI00000000000000000000000000001V383u'), 'seats.read members.write', NULL, 'member', 'mem_00000000000000000000000001', 'Ada', '2025-11-01 08:05:00.123', '2026-02-20 10:00:00.250', '2026-03-12 10:15:00.000', '192.0.2.1', 'curl/8', NULL, ''),
    ('key_00000000000000000000000002', 'ws_00000000000000000000000001', 'Old CI', 'sk_live_Dele....', sha256('sk_live_Deleted000000000000000000000000hMwag'), 'seats.read', NULL, 'member', 'mem_00000000000000000000000001', 'Ada', '2025-11-01 09:00:00.000', '2026-02-01 09:00:00.000', NULL, '', '', '2026-02-01 09:00:00.500', 'Ada'),
    ('key_00000000000000000000000003', 'ws_00000000000000000000000001', 'Trial', 'sk_live_Expi....', sha256('sk_live_Expired000000000000000000000002WmOOo'), '', '2026-01-15 00:00:00.000', 'member', 'mem_00000000000000000000000001', 'Ada', '2025-11-01 10:00:00.000', '2025-11-01 10:00:00.000', NULL, '', '', NULL, '');

INSERT INTO meeting_requests (id, workspace_id, organizer_id, organizer_email, organizer_name, status, title, include_introduction, duration_minutes, timeframe_start, timeframe_end, created_at, updated_at) VALUES
    ('mr_00000000000000000000000001', 'ws_00000000000000000000000001', 'mem_00000000000000000000000001', 'ada@acme.example', 'Ada', 'active', 'Kickoff', true, 30, '2026-03-20 08:00:00.000', '2026-03-27 08:00:00.000', '2026-03-01 08:00:00.000', '2026-03-01 08:00:00.000');
INSERT INTO meeting_request_participants (meeting_request_id, position, workspace_id, email, name) VALUES
    ('mr_00000000000000000000000001', 0, 'ws_00000000000000000000000001', 'dora@shop.example', 'Dora');

INSERT INTO audit_events (id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at) VALUES
    ('aud_00000000000000000000000001', 'ws_00000000000000000000000001', 'member', 'mem_00000000000000000000000001', 'Ada', 'workspace.created', 'workspace', 'ws_00000000000000000000000001', 'Acme', '{}', '192.0.2.7', 'Browser/1.0', '2025-11-01 08:00:00.000'),
    ('aud_00000000000000000000000002', 'ws_00000000000000000000000001', 'member', 'mem_00000000000000000000000001', 'Ada', 'api_key.created', 'api_key', 'key_00000000000000000000000001', 'CI', '{"key_prefix":"sk_live_CI00....","scopes":"seats.read members.write"}', '192.0.2.7', 'Browser/1.0', '2025-11-01 08:05:00.123');
