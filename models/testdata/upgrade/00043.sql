-- A notification and its email, and a person who has turned off some emails.
INSERT INTO notifications (id, workspace_id, kind, api_key_id, keys, actor_type, actor_id, created_at) VALUES
    ('ntf_01KJPRZB000000000000000000', 'ws_00000000000000000000000001', 'key_created', 'key_00000000000000000000000009', 1, 'member', 'mem_00000000000000000000000001', '2026-03-02 08:00:00.000'),
    ('ntf_01KKBC53000000000000000000', 'ws_00000000000000000000000001', 'key_deleted', 'key_00000000000000000000000002', 1, 'member', 'mem_00000000000000000000000001', '2026-03-10 08:00:00.000');
INSERT INTO notification_emails (member_id, notification_id, due_at, attempts) VALUES
    ('mem_00000000000000000000000004', 'ntf_01KKBC53000000000000000000', '2026-03-14 10:00:00.000', 0);
UPDATE members SET read_notification_id = 'ntf_01KJPRZB000000000000000000' WHERE id = 'mem_00000000000000000000000004';
UPDATE users SET muted_emails = 'key_expiring' WHERE id = 'usr_00000000000000000000000004';
