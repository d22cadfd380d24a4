package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// errConfirmLink is returned for a link that was used or replaced, has expired, or never existed.
var errConfirmLink = Errorf(NotFound, "This link was already used, replaced, or expired. Change your email again in your account.")

// errEmailTaken says that an email is in use to someone who has proved that it is theirs.
var errEmailTaken = Errorf(FailedPrecondition, "Another account or invitation already uses this email. Choose a different one.")

// ChangeName changes a person's own name in all their workspaces.
func (s *Store) ChangeName(ctx context.Context, userID, name string) error {
	fields := Fields{}
	name = checkName(fields, "name", name)
	if err := fields.err(); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		user, err := tx.User(ctx, userID)
		if err != nil || user.Name == name {
			return err
		}
		if err := tx.with(ctx).Model(user).Update("name", name).Error; err != nil {
			return fmt.Errorf("update name: %w", err)
		}
		before := user.Name
		user.Name = name
		return tx.auditUser(ctx, user, "user.renamed", map[string]string{"from": before})
	})
}

// RequestEmailChange emails a link to a person's new email, which changes only when they open the link. It
// checks the password, if there is one, as ChangePassword does, and doesn't tell whether the new email has an account. It
// returns FailedPrecondition if this server doesn't send email, and RateLimited after too many requests.
func (s *Store) RequestEmailChange(ctx context.Context, userID, password, email string) error {
	if !s.sendsEmail {
		return Errorf(FailedPrecondition, "This server doesn't send email, so it can't confirm your new email. Ask its operator to change it.")
	}
	user, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	fields := Fields{}
	if email = checkEmail(fields, "email", email); email == user.Email {
		fields.add("email", "must be different from your current email")
	}
	if user.HasPassword() {
		if err := s.checkCurrentPassword(ctx, fields, user, password); err != nil {
			return err
		}
	}
	if err := fields.err(); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		err := tx.take(ctx, quota{"email_changes:" + userID, maxDailyLinks, emailLimitPeriod, func(wait string) string {
			return "You've asked for too many changes of your email. Wait " + wait + "."
		}})
		if err != nil {
			return err
		}
		return tx.requestEmail(ctx, accountEmail{ID: tx.id("eml"), Kind: ConfirmEmail, Recipient: email, UserID: userID}, AccountLinkLife)
	})
}

// prepareConfirmation creates the link that confirms a new email. It reports false if the recipient was
// sent too many links.
func (s *Store) prepareConfirmation(ctx context.Context, email *Email) (bool, error) {
	if email.attempts == 1 {
		err := s.takeLink(ctx, ConfirmEmail, email.To)
		if IsKind(err, RateLimited) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	var err error
	email.Link, err = s.createAccountLink(ctx, email.User, accountLink{Purpose: confirmPurpose, Email: email.To})
	return err == nil, err
}

// ConfirmLink returns the link with a token that confirms an email. It returns NotFound if the link no
// longer works.
func (s *Store) ConfirmLink(ctx context.Context, token string) (*AccountLink, error) {
	return s.accountLink(ctx, confirmPurpose, token, errConfirmLink)
}

// ConfirmEmailChange changes a person's email with the token of a link that was sent to it. Only the person
// who asked for the change can use the link: someone else who opened it would give their email to that
// person's account. It returns FailedPrecondition if another account has the email.
func (s *Store) ConfirmEmailChange(ctx context.Context, token, userID string) error {
	link, err := s.ConfirmLink(ctx, token)
	if err != nil {
		return err
	}
	if link.User.ID != userID {
		return Errorf(Forbidden, "This link is for another account.")
	}
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.setEmail(ctx, &link.User, link.NewEmail()); err != nil {
			return err
		}
		if _, err := tx.ConfirmLink(ctx, token); err != nil { // once the user is locked
			return err
		}
		return tx.emailChanged(ctx, link.User, link.NewEmail())
	})
}

// ChangeEmailAsOperator changes the email of an account without a link: the operator vouches for the new
// one.
func (s *Store) ChangeEmailAsOperator(ctx context.Context, from, to string) (*User, error) {
	fields := Fields{}
	to = checkEmail(fields, "email", to)
	if err := fields.err(); err != nil {
		return nil, err
	}
	user, err := s.userByEmail(ctx, from)
	if err != nil {
		return nil, notFound(err, "account")
	}
	if user.PasswordHash == "" {
		return nil, Errorf(FailedPrecondition, "%s hasn't joined yet. An admin can correct the email on the member's page.", user.Email)
	}
	before := *user
	err = s.Tx(ctx, func(tx *Store) error {
		if err := tx.setEmail(ctx, user, to); err != nil {
			return err
		}
		return tx.emailChanged(ctx, before, to)
	})
	user.Email = to
	return user, err
}

// setEmail sets the proven email of a user.
func (s *Store) setEmail(ctx context.Context, user *User, email string) error {
	update := s.with(ctx).Model(&User{}).Where("id = ?", user.ID).Updates(map[string]any{"email": email, "verified_at": s.now()})
	if errors.Is(update.Error, gorm.ErrDuplicatedKey) {
		return errEmailTaken
	}
	if update.Error != nil {
		return fmt.Errorf("update email: %w", update.Error)
	}
	return nil
}

// emailChanged deletes the links of a user, which were sent to the old email, and notifies that email.
func (s *Store) emailChanged(ctx context.Context, before User, email string) error {
	if err := s.deleteAccountLinks(ctx, before.ID); err != nil {
		return err
	}
	if err := s.notifyUser(ctx, &before, accountEmail{Kind: EmailChangedEmail, NewEmail: email}); err != nil {
		return err
	}
	return s.auditUser(ctx, &before, "user.email_changed", map[string]string{"from": before.Email, "to": email})
}
