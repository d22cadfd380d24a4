package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// AccountEmailKind is what an email about an account is for.
type AccountEmailKind string

// The kinds.
const (
	ResetEmail           AccountEmailKind = "reset"            // a link to choose a new password
	ConfirmEmail         AccountEmailKind = "confirm"          // a link to confirm a new email
	PasswordChangedEmail AccountEmailKind = "password_changed" // a notice, which can't be turned off
	EmailChangedEmail    AccountEmailKind = "email_changed"    // the same, to the old email

	SecondFactorAddedEmail   AccountEmailKind = "second_factor_added" // the same, also if it was replaced
	SecondFactorRemovedEmail AccountEmailKind = "second_factor_removed"
	RecoveryCodesEmail       AccountEmailKind = "recovery_codes" // new ones replaced the earlier ones
	RecoveryCodeUsedEmail    AccountEmailKind = "recovery_code_used"
	AppRemovedEmail          AccountEmailKind = "authenticator_app_removed" // passkeys are left
	PasskeyAddedEmail        AccountEmailKind = "passkey_added"
	PasskeyRemovedEmail      AccountEmailKind = "passkey_removed"

	SingleSignOnResetEmail AccountEmailKind = "single_sign_on_reset" // the same

	NewDeviceEmail AccountEmailKind = "new_device" // the same: a sign-in from a browser that wasn't known

	WorkspaceDeletedEmail  AccountEmailKind = "workspace_deleted" // to its admins
	WorkspaceRestoredEmail AccountEmailKind = "workspace_restored"
)

// AccountNotices are the kinds that tell a person about a change to their account. Each is also a notification.
var AccountNotices = []AccountEmailKind{
	PasswordChangedEmail, EmailChangedEmail, SecondFactorAddedEmail, SecondFactorRemovedEmail, RecoveryCodesEmail, RecoveryCodeUsedEmail, NewDeviceEmail,
	AppRemovedEmail, PasskeyAddedEmail, PasskeyRemovedEmail, SingleSignOnResetEmail,
}

// noticeLife is how long a node tries to send a notice.
const noticeLife = 3 * 24 * time.Hour

// accountEmail is an email to send to a person about their account.
type accountEmail struct {
	ID        string
	Kind      AccountEmailKind
	Recipient string
	UserID    string // empty if it isn't known yet
	NewEmail  string
	Address   string // of a new device
	UserAgent string // of a new device
	// WorkspaceID is the workspace that was deleted or restored; empty in other emails.
	WorkspaceID string

	DueAt     time.Time
	Attempts  int
	ExpiresAt time.Time // when sending it has become pointless
	CreatedAt time.Time
}

// requestEmail makes an email due. A request with the ID of one that is waiting takes no effect, but writes
// as much as the first, so that its time doesn't tell whether the first is still waiting.
func (s *Store) requestEmail(ctx context.Context, row accountEmail, life time.Duration) error {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	row.CreatedAt, row.DueAt, row.ExpiresAt = now, now, now.Add(life)
	again := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"created_at"})}
	if err := s.with(ctx).Clauses(again).Create(&row).Error; err != nil {
		return fmt.Errorf("request email: %w", err)
	}
	return nil
}

// notifyUser tells a user about a change to their account: in their notifications, and in an email, which they can't
// turn off. If no node sends email, the request for it expires.
func (s *Store) notifyUser(ctx context.Context, user *User, row accountEmail) error {
	if err := s.notifyAccount(ctx, user, NotificationKind(row.Kind)); err != nil {
		return err
	}
	row.ID, row.UserID, row.Recipient = s.id("eml"), user.ID, user.Email
	return s.requestEmail(ctx, row, noticeLife)
}

// prepareAccountEmail completes an email about an account and reports whether it is still useful.
func (s *Store) prepareAccountEmail(ctx context.Context, email *Email) (bool, error) {
	var row accountEmail
	if err := s.with(ctx).Where("id = ?", email.key).Take(&row).Error; err != nil {
		return false, fmt.Errorf("read account email: %w", err)
	}
	email.Kind, email.To, email.NewEmail, email.RequestedAt = row.Kind, row.Recipient, row.NewEmail, row.CreatedAt
	email.Address, email.UserAgent = row.Address, row.UserAgent
	if row.Kind == ResetEmail {
		return s.prepareReset(ctx, email)
	}
	user, err := s.User(ctx, row.UserID)
	if IsKind(err, NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	email.User = user
	switch {
	case row.Kind == ConfirmEmail:
		return s.prepareConfirmation(ctx, email)
	case row.WorkspaceID != "":
		return s.prepareWorkspaceEmail(ctx, email, row.WorkspaceID)
	}
	return true, nil
}

// ConfirmedName returns the name of a person who proved their email, and "" otherwise. Until then, it may
// be text that someone else wants to send to that email.
func (u *User) ConfirmedName() string {
	if u.VerifiedAt == nil {
		return ""
	}
	return u.Name
}
