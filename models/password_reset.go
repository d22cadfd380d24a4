package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// errResetLink is returned for a link that was used or replaced, has expired, or never existed.
var errResetLink = Errorf(NotFound, "This link was already used, replaced, or expired. Ask for a new one.")

// RequestPasswordReset requests an email with a link to choose a new password. It does the same for every
// email: only the worker that sends the email finds out whether there is an account. Requests are rate
// limited by IP address and network: the error is RateLimited with RetryAfter. It returns
// FailedPrecondition if this server doesn't send email.
func (s *Store) RequestPasswordReset(ctx context.Context, email string) error {
	if !s.sendsEmail {
		return Errorf(FailedPrecondition, "Email isn't set up on this server. Ask an admin of your workspace for a reset link.")
	}
	fields := Fields{}
	email = checkEmail(fields, "email", email)
	if err := fields.err(); err != nil {
		return err
	}
	address := ActorOf(ctx).Address
	err := s.count(ctx, []attemptLimit{
		{subject("reset_address", prefixOf(address, 32, 64)), addressThrottle, true},
		{subject("reset_network", networkOf(address)), networkThrottle, true},
	})
	if err != nil {
		return err
	}
	return s.requestEmail(ctx, accountEmail{ID: recipientSubject(string(ResetEmail), email), Kind: ResetEmail, Recipient: email}, AccountLinkLife)
}

// CreateResetLink creates a link with which a member chooses a new password, for an admin who gives it to
// them. An earlier link stops working. The account gives access to every workspace that the member has
// joined, so it returns Forbidden unless the admin administers all of them. It returns FailedPrecondition
// if this server sends email, which is safer, and to an admin who asks for a link to their own account,
// because someone who has taken over a session could otherwise keep the account.
func (s *Store) CreateResetLink(ctx context.Context, adminUserID, workspaceID, memberID string) (*AccountLink, error) {
	member, err := s.Member(ctx, workspaceID, memberID)
	if err != nil {
		return nil, err
	}
	if err := s.checkResetLink(ctx, adminUserID, member); err != nil {
		return nil, err
	}
	return s.replaceResetLink(ctx, &member.User, adminUserID)
}

// MayCreateResetLink reports whether CreateResetLink creates a link.
func (s *Store) MayCreateResetLink(ctx context.Context, adminUserID string, member *Member) (bool, error) {
	err := s.checkResetLink(ctx, adminUserID, member)
	if IsKind(err, Forbidden) || IsKind(err, FailedPrecondition) {
		return false, nil
	}
	return err == nil, err
}

func (s *Store) checkResetLink(ctx context.Context, adminUserID string, member *Member) error {
	switch {
	case s.sendsEmail:
		return Errorf(FailedPrecondition, "This server sends email, so members can reset their password on the sign-in page.")
	case member.UserID == adminUserID:
		return Errorf(FailedPrecondition, "You can't create a reset link for yourself. Change your password in your account.")
	case member.DeactivatedAt != nil:
		return Errorf(FailedPrecondition, "This member is deactivated. Reactivate them first.")
	}
	return s.requireAdminOfAll(ctx, adminUserID, member)
}

// CreateResetLinkAsOperator creates a link with which the person with an email chooses a new password. An
// earlier link stops working. It returns NotFound for an unknown email, and FailedPrecondition for a
// person who has yet to join a workspace.
func (s *Store) CreateResetLinkAsOperator(ctx context.Context, email string) (*AccountLink, error) {
	user, err := s.userByEmail(ctx, email)
	if err != nil {
		return nil, notFound(err, "account")
	}
	if user.PasswordHash == "" {
		return nil, Errorf(FailedPrecondition, "%s hasn't joined yet. Ask a workspace admin for a new invite link.", user.Email)
	}
	return s.replaceResetLink(ctx, user, "")
}

func (s *Store) replaceResetLink(ctx context.Context, user *User, createdBy string) (link *AccountLink, err error) {
	err = s.Tx(ctx, func(tx *Store) (err error) {
		if err := tx.deleteAccountLinks(ctx, user.ID); err != nil {
			return err
		}
		if link, err = tx.createAccountLink(ctx, user, accountLink{Purpose: resetPurpose, CreatedBy: createdBy}); err != nil {
			return err
		}
		return tx.auditUser(ctx, user, "user.reset_link_created", nil)
	})
	return link, err
}

// ResetLink returns the reset link with a token. It returns NotFound if the link no longer works.
func (s *Store) ResetLink(ctx context.Context, token string) (*AccountLink, error) {
	link, err := s.accountLink(ctx, resetPurpose, token, errResetLink)
	if err != nil || link.row.CreatedBy == "" {
		return link, err
	}
	// The person may have joined another workspace since.
	err = s.requireAdminOfAll(ctx, link.row.CreatedBy, &Member{UserID: link.User.ID})
	if IsKind(err, Forbidden) {
		return nil, errResetLink
	}
	return link, err
}

// ResetPassword sets a new password with the token of a reset link. It ends all sessions of the person
// and deletes their known devices and all links. A link that was emailed proves the email. If nothing proved it
// before, someone else might have created the account with a copied link, so the second factor and the passkeys
// are removed too.
func (s *Store) ResetPassword(ctx context.Context, token, password string) error {
	link, err := s.ResetLink(ctx, token)
	if err != nil {
		return err
	}
	user, fields := &link.User, Fields{}
	checkPassword(fields, "password", password, user.Email, user.Name)
	if err := fields.err(); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	if ctx, _, err = s.actingAs(ctx, user); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		// This locks the user, so that concurrent calls use one link after the other.
		if err := tx.with(ctx).Model(&User{}).Where("id = ?", user.ID).Update("password_hash", hash).Error; err != nil {
			return fmt.Errorf("update password: %w", err)
		}
		if link, err = tx.ResetLink(ctx, token); err != nil {
			return err
		}
		if link.row.Email == user.Email {
			if link.User.VerifiedAt == nil {
				if err := tx.removeSecondFactors(ctx, user); err != nil {
					return err
				}
			}
			if err := tx.verify(ctx, user); err != nil {
				return err
			}
		}
		if err := tx.endSessions(ctx, user.ID, ""); err != nil {
			return err
		}
		if err := tx.passwordChanged(ctx, user); err != nil {
			return err
		}
		return tx.auditUser(ctx, user, "user.password_reset", nil)
	})
}

// passwordChanged deletes all links of a user, who might not have asked for them, and requests a notice.
func (s *Store) passwordChanged(ctx context.Context, user *User) error {
	if err := s.deleteAccountLinks(ctx, user.ID); err != nil {
		return err
	}
	return s.notifyUser(ctx, user, accountEmail{Kind: PasswordChangedEmail})
}

// actingAs returns a copy of ctx in which a user acts, who proved who they are by something other than a
// session, and the workspace that they see first.
func (s *Store) actingAs(ctx context.Context, user *User) (acting context.Context, workspaceID string, err error) {
	workspaceID, memberID, err := s.defaultMembership(ctx, user.ID)
	if err != nil {
		return nil, "", err
	}
	actor := ActorOf(ctx)
	actor.Type, actor.ID, actor.Name = ActorMember, memberID, user.Name
	return WithActor(ctx, actor), workspaceID, nil
}

// prepareReset creates the link of a reset email. It reports false if the email has no account, or was sent
// too many links.
func (s *Store) prepareReset(ctx context.Context, email *Email) (bool, error) {
	user, err := s.userByEmail(ctx, email.To)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read user: %w", err)
	}
	if user.PasswordHash == "" {
		return false, nil
	}
	if email.attempts == 1 {
		err := s.takeLink(ctx, ResetEmail, email.To)
		if IsKind(err, RateLimited) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	email.User = user
	email.Link, err = s.createAccountLink(ctx, user, accountLink{Purpose: resetPurpose, Email: user.Email})
	return err == nil, err
}
