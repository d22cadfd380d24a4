-- A key that notifies about new callers, with one that is yet to be notified about, and a notification about another.
UPDATE api_keys SET new_callers_since = '2026-03-05 08:00:00.000', new_callers_notified_at = '2026-03-10 08:00:00.000' WHERE id = 'key_00000000000000000000000009';
INSERT INTO new_callers (api_key_id, network, first_at) VALUES
    ('key_00000000000000000000000009', '2001:db8::/64', '2026-03-14 08:00:00.000');
UPDATE notifications SET kind = 'key_new_caller', networks = '192.0.2.7', network_count = 1 WHERE id = 'ntf_01KJPRZB000000000000000000';
