-- Custom scopes, a policy, a limit, an allowlist, a credential of nodes, and links and emails about accounts.
INSERT INTO scope_resources (name, label, position) VALUES ('orders', 'Orders', 0);
INSERT INTO custom_scopes (number, name, resource, label, help, warning, status, position) VALUES
    (10, 'orders.read', 'orders', 'Read', '', '', 'active', 0),
    (11, 'orders.write', 'orders', 'Write', '', '', 'retired', 1);
UPDATE scope_catalog SET change_id = 'chg_00000000000000000000000001', key_prefix = 'sk';

UPDATE workspaces SET key_expiry_required = true, key_max_days = 90, key_default_days = 30, key_policy_since = '2026-03-01 08:00:00.000', review_idle_days = 45,
    allowlist_mode = 'report_only', allowlist_networks = '198.51.100.0/24' WHERE id = 'ws_00000000000000000000000001';

INSERT INTO api_keys (id, workspace_id, name, key_prefix, digest, scopes, expires_at, rate_limit, allowlist_mode, allowlist_networks, created_by_type, created_by_id, created_by_name, created_at, updated_at) VALUES
    ('key_00000000000000000000000009', 'ws_00000000000000000000000001', 'Orders', 'sk_live_Orde....', sha256('sk_live_Orders0000000000000000000000000ZVqwP'), '10 11', '2026-05-01 08:00:00.000', 600, 'enforce', '192.0.2.0/24 2001:db8::/32', 'member', 'mem_00000000000000000000000001', 'Ada', '2026-03-02 08:00:00.000', '2026-03-02 08:00:00.000');
INSERT INTO api_key_usage_days (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests, outside) VALUES
    ('key_00000000000000000000000009', 'ws_00000000000000000000000001', '2026-03-12 00:00:00.000', 'GET /orders', 'orders.read', 2, '', 9, 4);
INSERT INTO api_key_usage_hours (api_key_id, workspace_id, starts_at, route, scope, status_class, refusal, requests, outside) VALUES
    ('key_00000000000000000000000009', 'ws_00000000000000000000000001', '2026-03-12 10:00:00.000', 'GET /orders', 'orders.read', 2, '', 9, 4);

INSERT INTO node_tokens (id, name, workspace_id, digest, created_at) VALUES
    ('ntk_00000000000000000000000001', 'edge', 'ws_00000000000000000000000001', sha256('credential of nodes'), '2026-03-03 08:00:00.000');
INSERT INTO account_links (digest, user_id, purpose, email, created_by, expires_at, created_at) VALUES
    (sha256('reset link of Dora'), 'usr_00000000000000000000000004', 'reset', '', '', '2026-03-14 10:00:00.000', '2026-03-14 09:00:00.000');
INSERT INTO account_emails (id, kind, recipient, user_id, new_email, due_at, attempts, expires_at, created_at) VALUES
    ('eml_00000000000000000000000001', 'password_changed', 'dora@acme.example', 'usr_00000000000000000000000004', '', '2026-03-14 09:00:00.000', 0, '2026-03-15 09:00:00.000', '2026-03-14 09:00:00.000');
