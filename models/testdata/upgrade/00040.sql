-- A key manager with an authenticator app, recovery codes, a passkey, and an identity of a provider.
UPDATE members SET role = 'key_manager' WHERE id = 'mem_00000000000000000000000004';

INSERT INTO second_factors (id, user_id, kind, sealed, last_step, created_at) VALUES
    ('2fa_00000000000000000000000001', 'usr_00000000000000000000000004', 'totp', x'011fe5084c61206e6f6e6365206f6620323420627974657320313233346976435f8f75220638f7d493934a7f37bbbec0df78f7d4575b2cf354ab5e7e9524b51eb8b6d94fb0da001e9c55765437', 1, '2026-03-04 08:00:00.000');
INSERT INTO recovery_codes (digest, user_id, created_at) VALUES
    (sha256('ABCDEFGHIJKLMNOP'), 'usr_00000000000000000000000004', '2026-03-04 08:00:00.000'), (sha256('QRSTUVWXYZ234567'), 'usr_00000000000000000000000004', '2026-03-04 08:00:00.000');
INSERT INTO pending_sign_ins (digest, user_id, expires_at, created_at) VALUES
    (sha256('pending sign-in of Dora'), 'usr_00000000000000000000000004', '2026-03-14 10:00:00.000', '2026-03-14 09:20:00.000');

INSERT INTO user_identities (id, user_id, issuer, subject, last_used_at, created_at) VALUES
    ('idn_00000000000000000000000001', 'usr_00000000000000000000000004', 'https://id.acme.example', 'dora-4711', '2026-03-13 08:00:00.000', '2026-03-05 08:00:00.000');
INSERT INTO sessions (digest, user_id, workspace_id, address, user_agent, created_at, last_seen_at, expires_at, identity_id, provider_session, provider_second_factor, proven_at) VALUES
    (sha256('session of Dora'), 'usr_00000000000000000000000004', 'ws_00000000000000000000000001', '192.0.2.8', 'Browser/1.0', '2026-03-14 08:00:00.000', '2026-03-14 09:00:00.000', '2026-04-13 08:00:00.000', 'idn_00000000000000000000000001', 'sid-1', true, '2026-03-14 08:30:00.000');
INSERT INTO provider_round_trips (digest, session_digest, next, expires_at, created_at) VALUES
    (sha256('round trip'), x'', '/', '2026-03-14 09:30:00.000', '2026-03-14 09:20:00.000');
INSERT INTO used_logout_tokens (digest, expires_at) VALUES (sha256('logout token'), '2026-03-14 10:00:00.000');

UPDATE users SET passkey_handle = x'0102030405060708' WHERE id = 'usr_00000000000000000000000004';
INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, transports, backup_eligible, backed_up, aaguid, name, created_at) VALUES
    ('pky_00000000000000000000000001', 'usr_00000000000000000000000004', x'c0ffee', x'a5010203', 7, 'internal hybrid', true, true, x'00000000000000000000000000000000', 'Phone', '2026-03-06 08:00:00.000');
INSERT INTO passkey_challenges (digest, purpose, holder, user_id, client, expires_at, created_at) VALUES
    (sha256('challenge'), 'sign_in', sha256('browser'), '', '192.0.2.8', '2026-03-14 09:30:00.000', '2026-03-14 09:25:00.000');
