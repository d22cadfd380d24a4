-- A key in an environment that will be deleted, a failed sign-in, an audit event in the chain, and a workspace for tests.
INSERT INTO api_keys (id, workspace_id, name, environment, key_prefix, digest, scopes, created_by_type, created_by_id, created_by_name, created_at, updated_at, paused_at, paused_until, paused_by_name, delete_at, delete_at_by_name) VALUES
    ('key_00000000000000000000000008', 'ws_00000000000000000000000001', 'Billing', 'production', 'sk_live_Sche....', sha256('sk_live_Scheduled0000000000000000000004TfLNQ'), 'seats.read', 'member', 'mem_00000000000000000000000001', 'Ada', '2026-02-05 08:00:00.000', '2026-03-14 08:00:00.000', '2026-03-14 08:00:00.000', '9999-12-31 23:59:59.000', 'Ada', '2026-03-15 08:00:00.000', 'Ada');

INSERT INTO failed_sign_ins (id, user_id, network, starts_at, attempts, last_at, address, user_agent) VALUES
    ('fsi_00000000000000000000000001', 'usr_00000000000000000000000001', '198.51.100.0/24', '2026-03-13 20:00:00.000', 3, '2026-03-13 20:07:00.000', '198.51.100.7', 'curl/8');

INSERT INTO audit_events (id, workspace_id, actor_type, actor_id, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash) VALUES
    ('aud_00000000000000000000000003', 'ws_00000000000000000000000001', 'member', 'mem_00000000000000000000000001', 'Ada', 'api_key.renamed', 'api_key', 'key_00000000000000000000000001', 'CI', '{"from":"Jenkins","to":"CI"}', '192.0.2.7', 'Browser/1.0', '2026-02-20 10:00:00.250', 3, x'2e52e070a2cf627ba50108c523307d0253710120c4dd3c64b7f88be026589589');
UPDATE audit_chains SET seq = 3, hash = x'2e52e070a2cf627ba50108c523307d0253710120c4dd3c64b7f88be026589589' WHERE chain = 'ws_00000000000000000000000001';

INSERT INTO workspaces (id, name, seat_capacity, created_at, updated_at) VALUES
    ('ws_00000000000000000000000002', 'Sandbox', 5, '2026-02-06 08:00:00.000', '2026-02-06 08:00:00.000');
INSERT INTO audit_events (id, workspace_id, actor_type, actor_name, action, target_type, target_id, target_name, details, address, user_agent, created_at, seq, hash) VALUES
    ('aud_00000000000000000000000004', 'ws_00000000000000000000000002', 'operator', 'Operator', 'workspace.created', 'workspace', 'ws_00000000000000000000000002', 'Sandbox', '{}', '', '', '2026-02-06 08:00:00.000', 1, x'f6dbc400b38741d2233972b898bc09093711727aa2e2c055534913fecf0b2626');
INSERT INTO audit_chains (chain, seq, hash) VALUES ('ws_00000000000000000000000002', 1, x'f6dbc400b38741d2233972b898bc09093711727aa2e2c055534913fecf0b2626');
INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, created_by_type, created_by_id, created_by_name, created_at, updated_at) VALUES
    ('key_00000000000000000000000020', 'ws_00000000000000000000000002', 'Tests', 'sk_test_Sand....', sha256('sk_test_SandboxA000000000000000000000036qoMP'), 'seats.read', 'operator', NULL, 'Operator', '2026-02-06 08:00:00.000', '2026-02-06 08:00:00.000');
