package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// NotificationKind is what a notification is about. Besides the kinds below, which are about keys, there are those
// of AccountEmailKind, which are about a person's own account.
type NotificationKind string

// The kinds that are about API keys.
const (
	KeyCreatedNotice     NotificationKind = "key_created"
	KeyWidenedNotice     NotificationKind = "key_widened" // it may do more than before
	KeyDeletedNotice     NotificationKind = "key_deleted"
	KeyFoundLeakedNotice NotificationKind = "key_found_leaked"
	KeyRejectedNotice    NotificationKind = "key_rejected_after_deletion"
	KeyNewCallerNotice   NotificationKind = "key_new_caller"
)

// maxSeparate is the number of keys of which a change has a notification each. A change to more keys has
// one for all of them.
const maxSeparate = 10

// notification is a row of Notification.
type notification struct {
	ID          string
	WorkspaceID *string // of a key
	UserID      *string // whose account it is about
	Kind        NotificationKind
	APIKeyID    string // empty for several keys
	Keys        int    // the number of keys
	ActorType   ActorType
	ActorID     string
	// The new callers of the key: up to maxNewCallers networks, separated by spaces, and their number.
	Networks     string
	NetworkCount int
	CreatedAt    time.Time
}

// Notification tells a person about something that happened to API keys of their workspace, or to their account.
// It has the names that keys and people have now.
type Notification struct {
	ID                           string
	Kind                         NotificationKind
	APIKeyID, KeyName, KeyPrefix string // empty for several keys and for an account
	Keys                         int    // the number of keys
	ActorType                    ActorType
	ActorName                    string // empty if it isn't known anymore
	Networks                     string // the first networks of new callers, separated by spaces
	NetworkCount                 int    // the number of these networks
	CreatedAt                    time.Time
	IsRead                       bool `gorm:"-"`
}

// notifyManagers tells the people who manage a key about it, at the end of the current transaction. It returns the
// notification, which may get details until then.
func (s *Store) notifyManagers(ctx context.Context, kind NotificationKind, key *APIKey) *notification {
	actor := ActorOf(ctx)
	s.outbox.notifications = append(s.outbox.notifications, notification{
		WorkspaceID: &key.WorkspaceID, Kind: kind, APIKeyID: key.ID, Keys: 1, ActorType: actor.Type, ActorID: actor.ID,
	})
	return &s.outbox.notifications[len(s.outbox.notifications)-1]
}

// notifyAccount shows a user a notification about their account.
func (s *Store) notifyAccount(ctx context.Context, user *User, kind NotificationKind) error {
	id, at := s.timedID("ntf")
	actor := ActorOf(ctx)
	row := notification{ID: id, UserID: &user.ID, Kind: kind, ActorType: actor.Type, ActorID: actor.ID, CreatedAt: at}
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("insert notification: %w", err)
	}
	return nil
}

// completed returns the notifications to write for those that a transaction has recorded.
func (s *Store) completed(recorded []notification) []notification {
	rows := summarized(recorded)
	for i := range rows {
		rows[i].ID, rows[i].CreatedAt = s.timedID("ntf")
	}
	return rows
}

// summarized returns notifications without repetitions, with one row instead of those about more than maxSeparate keys
// that differ only in the key.
func summarized(rows []notification) []notification {
	type subject struct {
		workspaceID, actorID string
		kind                 NotificationKind
	}
	type repetition struct {
		subject
		keyID string
	}
	subjectOf := func(n notification) subject { return subject{*n.WorkspaceID, n.ActorID, n.Kind} }
	seen := map[repetition]bool{}
	rows = slices.DeleteFunc(rows, func(n notification) bool {
		of := repetition{subjectOf(n), n.APIKeyID}
		repeated := seen[of]
		seen[of] = true
		return repeated
	})
	count := map[subject]int{}
	for _, row := range rows {
		count[subjectOf(row)]++
	}
	written := map[subject]bool{}
	rows = slices.DeleteFunc(rows, func(n notification) bool {
		of := subjectOf(n)
		repeated := written[of] && count[of] > maxSeparate
		written[of] = true
		return repeated
	})
	for i := range rows {
		if n := count[subjectOf(rows[i])]; n > maxSeparate {
			rows[i].APIKeyID, rows[i].Keys, rows[i].Networks, rows[i].NetworkCount = "", n, "", 0
		}
	}
	return rows
}

// Notifications returns a page of what to tell a member, newest first: about keys, if they manage them, and about
// their account.
func (s *Store) Notifications(ctx context.Context, member *Member, page Page) (Paged[Notification], error) {
	list := listing{"notifications", member.ID}
	query, err := list.after(s.notificationsOf(ctx, member), "notifications.id", &page)
	if err != nil {
		return Paged[Notification]{}, err
	}
	rows, err := s.readNotifications(query)
	if err != nil {
		return Paged[Notification]{}, err
	}
	for i := range rows {
		rows[i].IsRead = rows[i].ID <= member.readNotification()
	}
	return paged(list, page, rows, func(n *Notification) string { return n.ID }), nil
}

// HasUnread reports whether a member has notifications that they haven't marked as read.
func (s *Store) HasUnread(ctx context.Context, member *Member) (bool, error) {
	var ids []string
	err := s.notificationsOf(ctx, member).Where("notifications.id > ?", member.readNotification()).Limit(1).Pluck("notifications.id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("read unread notifications: %w", err)
	}
	return len(ids) > 0, nil
}

// MarkNotificationsRead marks the notifications of a member as read up to the one with an ID, so that those that
// arrived after the page was shown stay unread.
func (s *Store) MarkNotificationsRead(ctx context.Context, member *Member, id string) error {
	if !IsID(id) || id < firstID("ntf", time.Time{}) || id >= firstID("ntf", s.now().Add(time.Minute)) {
		return Errorf(Invalid, "This notification doesn't exist. Reload the page and try again.")
	}
	err := s.with(ctx).Model(&Member{}).Where("id = ? AND read_notification_id < ?", member.ID, id).UpdateColumn("read_notification_id", id).Error
	if err != nil {
		return fmt.Errorf("mark notifications as read: %w", err)
	}
	return nil
}

// readNotification returns the ID up to which the member has read notifications. Those from before they joined count
// as read.
func (m *Member) readNotification() string {
	return max(m.ReadNotificationID, firstID("ntf", m.CreatedAt))
}

// notificationsOf selects the notifications of a member.
func (s *Store) notificationsOf(ctx context.Context, member *Member) *gorm.DB {
	query := s.with(ctx).Table("notifications")
	if member.May(ManageKeys) {
		return query.Where("(notifications.workspace_id = ? OR notifications.user_id = ?)", member.WorkspaceID, member.UserID)
	}
	return query.Where("notifications.user_id = ?", member.UserID)
}

// readNotifications reads selected notifications with the current names of keys and actors.
func (s *Store) readNotifications(query *gorm.DB) ([]Notification, error) {
	var rows []Notification
	err := query.Select(`notifications.id, notifications.kind, notifications.api_key_id, notifications.keys, notifications.actor_type,
			notifications.networks, notifications.network_count, notifications.created_at, coalesce(api_keys.name, '') AS key_name, coalesce(api_keys.key_prefix, '') AS key_prefix,
			coalesce(actor_keys.name, users.name, '') AS actor_name`).
		Joins("LEFT JOIN api_keys ON api_keys.id = notifications.api_key_id").
		Joins("LEFT JOIN api_keys AS actor_keys ON actor_keys.id = notifications.actor_id").
		Joins("LEFT JOIN members ON members.id = notifications.actor_id").
		Joins("LEFT JOIN users ON users.id = members.user_id").
		Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	return rows, nil
}
