-- A person whose email is verified, and a limit of emails.
INSERT INTO users (id, email, name, password_hash, verified_at, created_at, updated_at) VALUES
    ('usr_00000000000000000000000004', 'dora@acme.example', 'Dora', 'none', '2026-02-04 08:00:00.000', '2026-02-04 08:00:00.000', '2026-02-04 08:00:00.000');
INSERT INTO members (id, workspace_id, user_id, role, created_at, updated_at) VALUES
    ('mem_00000000000000000000000004', 'ws_00000000000000000000000001', 'usr_00000000000000000000000004', 'member', '2026-02-04 08:00:00.000', '2026-02-04 08:00:00.000');
INSERT INTO email_limits (subject, sent, resets_at) VALUES ('recipient bob@acme.example', 1, '2026-03-15 08:00:00.000');
