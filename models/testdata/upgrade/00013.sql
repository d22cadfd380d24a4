-- A key with a description, batches of usage, and the lease that an operator has set.
INSERT INTO api_keys (id, workspace_id, name, description, key_prefix, digest, scopes, needed_scopes, created_by_type, created_by_id, created_by_name, created_at, updated_at, changed_epoch) VALUES
    ('key_00000000000000000000000007', 'ws_00000000000000000000000001', 'Nightly', 'Exports orders at night.', 'sk_live_Nigh....', sha256('sk_live_Nightly000000000000000000000002fXSvb'), 'seats.read', 'seats.read', 'member', 'mem_00000000000000000000000001', 'Ada', '2026-02-03 08:00:00.000', '2026-02-03 08:00:00.000', 41);

UPDATE revocation SET epoch = 41, lease_ms = 1, wait_ms = 1, lease_version = 3;
INSERT INTO usage_batches (id, body, folded_at, created_at) VALUES ('batch', x'', '2026-03-12 10:15:01.000', '2026-03-12 10:15:00.000');
INSERT INTO usage_flushes (id, created_at) VALUES ('flush', '2026-03-12 10:15:00.000');
