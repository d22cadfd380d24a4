package models

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

const (
	// SetupLife is how long the page that sets up an authenticator app can be used.
	SetupLife = 30 * time.Minute
	// codePeriod is how long an authenticator app shows a code (RFC 6238 §4.1).
	codePeriod = 30 * time.Second
	codeLength = 6
	// totpKind is the kind of a second factor that is an authenticator app.
	totpKind = "totp"
)

// secondFactor is what a person proves in addition to their password. Its secret is sealed.
type secondFactor struct {
	ID         string
	UserID     string
	Kind       string
	Sealed     []byte
	LastStep   int64 // of the last code that was accepted, in codePeriods since 1970
	LastUsedAt *time.Time
	CreatedAt  time.Time
}

// errCode is returned for a code that is wrong or was used before.
var errCode = Fields{"code": "is incorrect or was already used. Enter the code that your app shows now"}.err()

// SecondFactorState is what a person has set up as their second factor.
type SecondFactorState struct {
	AddedAt       *time.Time // when the authenticator app was set up; nil without one
	LastUsedAt    *time.Time // of the app
	Passkeys      []Passkey  // the oldest first
	RecoveryCodes int64      // that are left
}

// IsOn reports whether the person has a second factor.
func (s SecondFactorState) IsOn() bool { return s.HasApp() || len(s.Passkeys) > 0 }

// HasApp reports whether the person has an authenticator app.
func (s SecondFactorState) HasApp() bool { return s.AddedAt != nil }

// FewRecoveryCodes reports whether the person should create new recovery codes.
func (s SecondFactorState) FewRecoveryCodes() bool {
	return s.IsOn() && s.RecoveryCodes <= fewRecoveryCodes
}

// SecondFactorOf returns what a user has set up as their second factor.
func (s *Store) SecondFactorOf(ctx context.Context, userID string) (state SecondFactorState, err error) {
	if state.Passkeys, err = s.passkeysOf(ctx, userID); err != nil {
		return state, err
	}
	factor, err := s.totpOf(ctx, userID)
	if err != nil {
		return state, err
	}
	if factor != nil {
		state.AddedAt, state.LastUsedAt = &factor.CreatedAt, factor.LastUsedAt
	}
	if !state.IsOn() {
		return state, nil
	}
	state.RecoveryCodes, err = s.recoveryCodesLeft(ctx, userID)
	return state, err
}

// HasSecondFactor reports whether a user has a second factor: an authenticator app or a passkey.
func (s *Store) HasSecondFactor(ctx context.Context, userID string) (has bool, err error) {
	const query = "SELECT EXISTS (SELECT 1 FROM second_factors WHERE user_id = ?) OR EXISTS (SELECT 1 FROM passkeys WHERE user_id = ?)"
	if err := s.with(ctx).Raw(query, userID, userID).Scan(&has).Error; err != nil {
		return false, fmt.Errorf("read second factors: %w", err)
	}
	return has, nil
}

// totpOf returns the authenticator app of a user, or nil if there is none.
func (s *Store) totpOf(ctx context.Context, userID string) (*secondFactor, error) {
	var factor secondFactor
	err := s.with(ctx).Where("user_id = ? AND kind = ?", userID, totpKind).Take(&factor).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read second factor: %w", err)
	}
	return &factor, nil
}

// SecondFactorSetup is a new authenticator app, which doesn't count until a code confirms it.
type SecondFactorSetup struct {
	Secret token.Secret // to type into the app
	URL    token.Secret // to scan with the app
	Sealed string       // for the form that confirms it
}

// NewSecondFactorSetup creates the secret of an authenticator app for a user. It stores nothing. It returns
// FailedPrecondition if this server has no encryption key.
func (s *Store) NewSecondFactorSetup(user *User) (*SecondFactorSetup, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "SkipUp Keys", AccountName: user.Email})
	if err != nil {
		return nil, fmt.Errorf("create a TOTP secret: %w", err)
	}
	expires := strconv.FormatInt(s.now().Add(SetupLife).Unix(), 10)
	sealed, err := s.sealer.seal(expires+" "+key.URL(), setupRow(user.ID))
	if err != nil {
		return nil, err
	}
	return &SecondFactorSetup{token.SecretOf(key.Secret()), token.SecretOf(key.URL()), base64.RawURLEncoding.EncodeToString(sealed)}, nil
}

// SecondFactorSetup returns the setup that NewSecondFactorSetup sealed for a user. It returns
// FailedPrecondition if that was too long ago.
func (s *Store) SecondFactorSetup(user *User, sealed string) (*SecondFactorSetup, error) {
	bytes, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errSetup
	}
	text, err := s.sealer.open(bytes, setupRow(user.ID))
	if err != nil {
		return nil, errSetup
	}
	expires, url, _ := strings.Cut(text, " ")
	if seconds, err := strconv.ParseInt(expires, 10, 64); err != nil || s.now().Unix() >= seconds {
		return nil, errSetup
	}
	key, err := otp.NewKeyFromURL(url)
	if err != nil {
		return nil, errSetup
	}
	return &SecondFactorSetup{token.SecretOf(key.Secret()), token.SecretOf(url), sealed}, nil
}

// errSetup is returned for a setup that has expired or was made for someone else.
var errSetup = Errorf(FailedPrecondition, "This QR code has expired. Remove the account from your app, then scan the new one.")

// setupRow returns what a setup is sealed for.
func setupRow(userID string) string { return "setup of the second factor of " + userID }

// SetSecondFactor makes an authenticator app the second factor of a user, if a code confirms that the app
// has the secret. It replaces an earlier app. With the first second factor, it creates recovery codes and
// returns them; otherwise, the existing ones stay.
func (s *Store) SetSecondFactor(ctx context.Context, userID, sealed, code string) (recovery []token.Secret, err error) {
	user, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	setup, err := s.SecondFactorSetup(user, sealed)
	if err != nil {
		return nil, err
	}
	step := s.stepOf(setup.Secret.Reveal(), normalCode(code))
	if step == 0 {
		return nil, Fields{"code": "is incorrect. Check that your phone's clock is right"}.err()
	}
	err = s.Tx(ctx, func(tx *Store) error {
		had, err := tx.HasSecondFactor(ctx, userID)
		if err != nil {
			return err
		}
		replaced := tx.with(ctx).Where("user_id = ? AND kind = ?", userID, totpKind).Delete(&secondFactor{})
		if replaced.Error != nil {
			return fmt.Errorf("delete second factor: %w", replaced.Error)
		}
		row := secondFactor{ID: tx.id("fac"), UserID: userID, Kind: totpKind, LastStep: step, CreatedAt: tx.now()}
		if row.Sealed, err = tx.sealer.seal(setup.Secret.Reveal(), row.ID); err != nil {
			return err
		}
		err = tx.with(ctx).Create(&row).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return Errorf(FailedPrecondition, "A second factor was just set up in another tab. Reload the page.")
		}
		if err != nil {
			return fmt.Errorf("insert second factor: %w", err)
		}
		if replaced.RowsAffected > 0 {
			return tx.credentialChanged(ctx, user, SecondFactorAddedEmail, "user.second_factor_replaced")
		}
		if !had {
			if recovery, err = tx.replaceRecoveryCodes(ctx, userID); err != nil {
				return err
			}
		}
		return tx.credentialChanged(ctx, user, SecondFactorAddedEmail, "user.second_factor_added")
	})
	if err != nil {
		return nil, err
	}
	return recovery, nil
}

// RemoveAuthenticatorApp removes a user's authenticator app, and the recovery codes if no passkey is left. It
// does nothing if there is no app.
func (s *Store) RemoveAuthenticatorApp(ctx context.Context, user *User) error {
	return s.Tx(ctx, func(tx *Store) error {
		removed := tx.with(ctx).Where("user_id = ?", user.ID).Delete(&secondFactor{})
		if removed.Error != nil {
			return fmt.Errorf("delete second factor: %w", removed.Error)
		}
		if removed.RowsAffected == 0 {
			return nil
		}
		left, err := tx.dropUselessRecoveryCodes(ctx, user.ID)
		if err != nil {
			return err
		}
		if left {
			return tx.credentialChanged(ctx, user, AppRemovedEmail, "user.authenticator_app_removed")
		}
		return tx.credentialChanged(ctx, user, SecondFactorRemovedEmail, "user.second_factor_removed")
	})
}

// dropUselessRecoveryCodes deletes the recovery codes of a user who has no second factor left. It reports
// whether one is left.
func (s *Store) dropUselessRecoveryCodes(ctx context.Context, userID string) (left bool, err error) {
	left, err = s.HasSecondFactor(ctx, userID)
	if err != nil || left {
		return left, err
	}
	if err := s.with(ctx).Where("user_id = ?", userID).Delete(&recoveryCode{}).Error; err != nil {
		return false, fmt.Errorf("delete recovery codes: %w", err)
	}
	return false, nil
}

// removeSecondFactors removes a user's authenticator app, passkeys, and recovery codes. It does nothing if
// there are none.
func (s *Store) removeSecondFactors(ctx context.Context, user *User) error {
	return s.Tx(ctx, func(tx *Store) error {
		removed := int64(0)
		for _, row := range []any{&secondFactor{}, &Passkey{}} {
			deleted := tx.with(ctx).Where("user_id = ?", user.ID).Delete(row)
			if deleted.Error != nil {
				return fmt.Errorf("delete second factors: %w", deleted.Error)
			}
			removed += deleted.RowsAffected
		}
		if removed == 0 {
			return nil
		}
		if _, err := tx.dropUselessRecoveryCodes(ctx, user.ID); err != nil {
			return err
		}
		return tx.credentialChanged(ctx, user, SecondFactorRemovedEmail, "user.second_factor_removed")
	})
}

// RemoveSecondFactorOfMember removes the second factor, including passkeys, of a member who has lost it. The account gives access
// to every workspace that the member has joined, so it returns Forbidden unless the admin administers all
// of them. It returns FailedPrecondition to an admin who asks for it for their own account, because someone
// who has taken over a session could otherwise keep the account.
func (s *Store) RemoveSecondFactorOfMember(ctx context.Context, adminUserID, workspaceID, memberID string) (*Member, error) {
	member, err := s.Member(ctx, workspaceID, memberID)
	if err != nil {
		return nil, err
	}
	if member.UserID == adminUserID {
		return nil, Errorf(FailedPrecondition, "Remove your own second factor in your account.")
	}
	if err := s.requireAdminOfAll(ctx, adminUserID, member); err != nil {
		return nil, err
	}
	return member, s.removeSecondFactors(ctx, &member.User)
}

// MayRemoveSecondFactor reports whether a member has a second factor that RemoveSecondFactorOfMember
// removes.
func (s *Store) MayRemoveSecondFactor(ctx context.Context, adminUserID string, member *Member) (bool, error) {
	if member.UserID == adminUserID {
		return false, nil
	}
	err := s.requireAdminOfAll(ctx, adminUserID, member)
	if IsKind(err, Forbidden) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.HasSecondFactor(ctx, member.UserID)
}

// RemoveSecondFactorAsOperator removes the second factor, including passkeys, of the person with an email. It returns NotFound
// for an unknown email, and FailedPrecondition for a person without a second factor.
func (s *Store) RemoveSecondFactorAsOperator(ctx context.Context, email string) (*User, error) {
	user, err := s.userByEmail(ctx, email)
	if err != nil {
		return nil, notFound(err, "account")
	}
	has, err := s.HasSecondFactor(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, Errorf(FailedPrecondition, "%s has no second factor.", user.Email)
	}
	return user, s.removeSecondFactors(ctx, user)
}

// credentialChanged requests a notice to a user about a changed credential and records it in the audit log.
func (s *Store) credentialChanged(ctx context.Context, user *User, kind AccountEmailKind, action string) error {
	if err := s.notifyUser(ctx, user, accountEmail{Kind: kind}); err != nil {
		return err
	}
	return s.auditUser(ctx, user, action, nil)
}

// takeCode checks a code of a user's authenticator app or a recovery code, and makes it invalid. It returns
// what the code was, or errCode.
func (s *Store) takeCode(ctx context.Context, user *User, code string) (method string, err error) {
	code = normalCode(code)
	if len(code) != codeLength {
		return "recovery code", s.takeRecoveryCode(ctx, user, code)
	}
	factor, err := s.totpOf(ctx, user.ID)
	if err != nil {
		return "", err
	}
	if factor == nil {
		return "", errCode
	}
	secret, err := s.sealer.open(factor.Sealed, factor.ID)
	if err != nil {
		return "", fmt.Errorf("decrypt the second factor of %s: %w", user.ID, err)
	}
	step := s.stepOf(secret, code)
	if step == 0 {
		return "", errCode
	}
	// Of several requests with the same code, only one is accepted.
	update := s.with(ctx).Model(&secondFactor{}).Where("id = ? AND last_step < ?", factor.ID, step).
		Updates(map[string]any{"last_step": step, "last_used_at": s.now()})
	if update.Error != nil {
		return "", fmt.Errorf("update second factor: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return "", errCode
	}
	return "authenticator app", nil
}

// stepOf returns the time step of a code of an authenticator app, or 0 if it is none of the current code, the
// previous one, and the next one (RFC 6238 §5.2).
func (s *Store) stepOf(secret, code string) int64 {
	now := s.now().Unix() / int64(codePeriod.Seconds())
	for _, step := range []int64{now, now - 1, now + 1} {
		if hotp.Validate(code, uint64(step), secret) {
			return step
		}
	}
	return 0
}

// normalCode returns a code without the spaces and hyphens that make it readable.
func normalCode(code string) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(strings.TrimSpace(code)))
}
