package models

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

const (
	// maxPasskeys limits the passkeys of a person.
	maxPasskeys = 20
	// handleSize is the size of a user handle in bytes (WebAuthn level 3 §14.6.1).
	handleSize = 64
)

// Passkey is a public key with which a person signs in without a password (WebAuthn).
type Passkey struct {
	ID             string
	UserID         string
	CredentialID   []byte
	PublicKey      []byte // in COSE
	SignCount      int64  // at the last use; 0 if the authenticator doesn't count
	Transports     string // with which browsers reach the authenticator, separated by spaces
	BackupEligible bool   // the authenticator may sync it to other devices
	BackedUp       bool   // it was synced at the last use
	AAGUID         []byte `gorm:"column:aaguid"` // of the authenticator's model; zeros if unknown
	Name           string
	LastUsedAt     *time.Time
	CreatedAt      time.Time
}

// credential returns the passkey as the library represents it.
func (p *Passkey) credential() webauthn.Credential {
	var transports []protocol.AuthenticatorTransport
	for _, transport := range strings.Fields(p.Transports) {
		transports = append(transports, protocol.AuthenticatorTransport(transport))
	}
	return webauthn.Credential{
		ID: p.CredentialID, PublicKey: p.PublicKey, Transport: transports,
		Flags:         webauthn.CredentialFlags{BackupEligible: p.BackupEligible, BackupState: p.BackedUp},
		Authenticator: webauthn.Authenticator{AAGUID: p.AAGUID, SignCount: uint32(p.SignCount)},
	}
}

// passkeyOwner is a user with their passkeys. It implements webauthn.User.
type passkeyOwner struct {
	*User
	passkeys []Passkey
}

func (o passkeyOwner) WebAuthnID() []byte          { return o.PasskeyHandle }
func (o passkeyOwner) WebAuthnName() string        { return o.Email }
func (o passkeyOwner) WebAuthnDisplayName() string { return o.Name }
func (o passkeyOwner) WebAuthnCredentials() []webauthn.Credential {
	credentials := make([]webauthn.Credential, len(o.passkeys))
	for i := range o.passkeys {
		credentials[i] = o.passkeys[i].credential()
	}
	return credentials
}

func (s *Store) passkeyOwner(ctx context.Context, userID string) (owner passkeyOwner, err error) {
	if owner.User, err = s.User(ctx, userID); err != nil {
		return owner, err
	}
	owner.passkeys, err = s.passkeysOf(ctx, userID)
	return owner, err
}

// passkeysOf returns the passkeys of a user, the oldest first.
func (s *Store) passkeysOf(ctx context.Context, userID string) (passkeys []Passkey, err error) {
	if err := s.with(ctx).Where("user_id = ?", userID).Order("created_at, id").Find(&passkeys).Error; err != nil {
		return nil, fmt.Errorf("read passkeys: %w", err)
	}
	return passkeys, nil
}

// Passkey returns a passkey of a user.
func (s *Store) Passkey(ctx context.Context, userID, id string) (*Passkey, error) {
	var passkey Passkey
	if err := s.with(ctx).Where("user_id = ? AND id = ?", userID, id).Take(&passkey).Error; err != nil {
		return nil, notFound(err, "passkey")
	}
	return &passkey, nil
}

// setPasskeyHandle gives a user the random ID under which authenticators keep their passkeys, if they have none.
// It never changes, so that a new passkey replaces an old one on the same authenticator.
func (s *Store) setPasskeyHandle(ctx context.Context, user *User) error {
	if len(user.PasskeyHandle) > 0 {
		return nil
	}
	handle := make([]byte, handleSize)
	rand.Read(handle)
	set := s.with(ctx).Model(&User{}).Where("id = ? AND length(passkey_handle) = 0", user.ID).UpdateColumn("passkey_handle", handle)
	if set.Error != nil {
		return fmt.Errorf("update user: %w", set.Error)
	}
	current, err := s.User(ctx, user.ID)
	if err != nil {
		return err
	}
	user.PasskeyHandle = current.PasskeyHandle
	return nil
}

// AddPasskey stores the passkey that the browser with a session has created with NewPasskeyOptions, whose
// response is JSON. If it is the first second factor of the user, it creates recovery codes and returns them. It
// returns field errors for "name".
func (s *Store) AddPasskey(ctx context.Context, rp *RelyingParty, userID, session, name, response string) (recovery []token.Secret, err error) {
	if rp == nil {
		return nil, errNoRelyingParty
	}
	fields := Fields{}
	name = checkName(fields, "name", name)
	if err := fields.err(); err != nil {
		return nil, err
	}
	if response == "" {
		return nil, errNoPasskey
	}
	created, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return nil, errPasskey
	}
	challenge := created.Response.CollectedClientData.Challenge
	if err := s.takeChallenge(ctx, challenged{registration, session, userID}, challenge); err != nil {
		return nil, err
	}
	owner, err := s.passkeyOwner(ctx, userID)
	if err != nil {
		return nil, err
	}
	credential, err := rp.CreateCredential(owner, rp.session(owner, challenge), created)
	if err != nil {
		return nil, errPasskey
	}
	transports := make([]string, len(credential.Transport))
	for i, transport := range credential.Transport {
		transports[i] = string(transport)
	}
	row := Passkey{
		ID: s.id("pky"), UserID: userID, CredentialID: credential.ID, PublicKey: credential.PublicKey, SignCount: int64(credential.Authenticator.SignCount),
		Transports: storable(strings.Join(transports, " ")), BackupEligible: credential.Flags.BackupEligible, BackedUp: credential.Flags.BackupState,
		AAGUID: credential.Authenticator.AAGUID, Name: name, CreatedAt: s.now(),
	}
	err = s.Tx(ctx, func(tx *Store) error {
		if len(owner.passkeys) >= maxPasskeys {
			return Errorf(FailedPrecondition, "You have %d passkeys, the most that are possible. Remove one first.", maxPasskeys)
		}
		had, err := tx.HasSecondFactor(ctx, userID)
		if err != nil {
			return err
		}
		err = tx.with(ctx).Create(&row).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return Errorf(FailedPrecondition, "This passkey was already added.")
		}
		if err != nil {
			return fmt.Errorf("insert passkey: %w", err)
		}
		if !had {
			if recovery, err = tx.replaceRecoveryCodes(ctx, userID); err != nil {
				return err
			}
		}
		return tx.passkeyChanged(ctx, owner.User, PasskeyAddedEmail, "user.passkey_added", name)
	})
	if err != nil {
		return nil, err
	}
	return recovery, nil
}

// errNoPasskey is returned for a form that was sent without a passkey.
var errNoPasskey = Errorf(FailedPrecondition, "Your browser didn't create a passkey. Turn on JavaScript, or use another browser.")

// passkeyChanged requests a notice to a user about an added or removed passkey, and records it in the audit log.
func (s *Store) passkeyChanged(ctx context.Context, user *User, kind AccountEmailKind, action, name string) error {
	if err := s.notifyUser(ctx, user, accountEmail{Kind: kind}); err != nil {
		return err
	}
	return s.auditUser(ctx, user, action, map[string]string{"passkey": name})
}

// RenamePasskey changes the name of a user's passkey. It returns field errors for "name".
func (s *Store) RenamePasskey(ctx context.Context, user *User, id, name string) error {
	fields := Fields{}
	name = checkName(fields, "name", name)
	if err := fields.err(); err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		passkey, err := tx.Passkey(ctx, user.ID, id)
		if err != nil || passkey.Name == name {
			return err
		}
		if err := tx.with(ctx).Model(&Passkey{}).Where("id = ?", id).Update("name", name).Error; err != nil {
			return fmt.Errorf("update passkey: %w", err)
		}
		return tx.auditUser(ctx, user, "user.passkey_renamed", map[string]string{"from": passkey.Name, "to": name})
	})
}

// RemovePasskey removes a passkey of a user, and the recovery codes if no second factor is left.
func (s *Store) RemovePasskey(ctx context.Context, user *User, id string) error {
	return s.Tx(ctx, func(tx *Store) error {
		passkey, err := tx.Passkey(ctx, user.ID, id)
		if err != nil {
			return err
		}
		removed := tx.with(ctx).Where("id = ?", id).Delete(&Passkey{})
		if removed.Error != nil {
			return fmt.Errorf("delete passkey: %w", removed.Error)
		}
		if removed.RowsAffected == 0 { // at the same time
			return nil
		}
		if _, err := tx.dropUselessRecoveryCodes(ctx, user.ID); err != nil {
			return err
		}
		return tx.passkeyChanged(ctx, user, PasskeyRemovedEmail, "user.passkey_removed", passkey.Name)
	})
}

// answer is a passkey that has answered a challenge.
type answer struct {
	user    *User
	passkey *Passkey
}

// errPasskey is returned for a passkey that isn't known or whose answer is wrong.
var errPasskey = Errorf(Invalid, "This passkey wasn't accepted. It may have been removed from your account. Try another way.")

// answerOf checks the response of a passkey, which is JSON, to a challenge. The caller must call recordUse. It
// returns errPasskey with the user, if that is known.
func (s *Store) answerOf(ctx context.Context, rp *RelyingParty, by challenged, response string) (*answer, error) {
	if rp == nil {
		return nil, errNoRelyingParty
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return nil, errPasskey
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	if err := s.takeChallenge(ctx, by, challenge); err != nil {
		return nil, err
	}
	var passkey Passkey
	err = s.with(ctx).Where("credential_id = ?", []byte(parsed.RawID)).Take(&passkey).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return &answer{user: &User{}}, errPasskey
	}
	if err != nil {
		return nil, fmt.Errorf("read passkey: %w", err)
	}
	user, err := s.User(ctx, passkey.UserID)
	if err != nil {
		return nil, err
	}
	answered := &answer{user, &passkey}
	// Without a known user, the authenticator must name one (WebAuthn level 3 §7.2).
	if by.userID == "" && len(parsed.Response.UserHandle) == 0 || by.userID != "" && by.userID != user.ID {
		return answered, errPasskey
	}
	owner := passkeyOwner{user, []Passkey{passkey}}
	credential, err := rp.ValidateLogin(owner, rp.session(owner, challenge), parsed)
	if err != nil {
		return answered, errPasskey
	}
	if credential.Authenticator.CloneWarning {
		return answered, errors.Join(s.auditCopy(ctx, answered), errPasskey)
	}
	passkey.SignCount, passkey.BackedUp = int64(credential.Authenticator.SignCount), credential.Flags.BackupState
	return answered, nil
}

// auditCopy records that a passkey was rejected because of its counter: it may have been copied (WebAuthn
// level 3 §6.1.1).
func (s *Store) auditCopy(ctx context.Context, a *answer) error {
	return s.Tx(ctx, func(tx *Store) error {
		return tx.auditUser(ctx, a.user, "user.passkey_rejected", map[string]string{"passkey": a.passkey.Name})
	})
}

// recordUse stores the counter of a passkey that was just used. It returns errPasskey if the passkey was
// removed, or used with the same counter, in the meantime.
func (s *Store) recordUse(ctx context.Context, a *answer) error {
	update := s.with(ctx).Model(&Passkey{}).
		Where("id = ? AND (sign_count < ? OR sign_count = 0 AND ? = 0)", a.passkey.ID, a.passkey.SignCount, a.passkey.SignCount).
		Updates(map[string]any{"sign_count": a.passkey.SignCount, "backed_up": a.passkey.BackedUp, "last_used_at": s.now()})
	if update.Error != nil {
		return fmt.Errorf("update passkey: %w", update.Error)
	}
	if update.RowsAffected == 0 {
		return errPasskey
	}
	return nil
}

// session returns what the library checks an answer to a challenge against.
func (rp *RelyingParty) session(owner passkeyOwner, challenge string) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: rp.Config.RPID, UserID: owner.PasskeyHandle,
		UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault(),
	}
}

// SignInWithPasskey starts a session for the owner of a passkey, as SignIn does with a password. The passkey has
// verified the person, so it takes no other factor.
func (s *Store) SignInWithPasskey(ctx context.Context, rp *RelyingParty, oldSession, browser, device, response string) (*SignedIn, error) {
	used, err := s.answerOf(ctx, rp, challenged{signIn, browser, ""}, response)
	if err != nil {
		return nil, s.addFailedPasskey(ctx, used, err)
	}
	known, err := s.knownDevice(ctx, used.user, device)
	if err != nil {
		return nil, err
	}
	ctx, workspaceID, err := s.actingAs(ctx, used.user)
	if err != nil {
		return nil, err
	}
	var in *SignedIn
	err = s.Tx(ctx, func(tx *Store) (err error) {
		if err := tx.recordUse(ctx, used); err != nil {
			return err
		}
		in, err = tx.startSession(ctx, used.user, workspaceID, oldSession, unlimited(known), map[string]string{"passkey": used.passkey.Name})
		return err
	})
	if err != nil {
		return nil, s.addFailedPasskey(ctx, used, err)
	}
	return in, nil
}

// unlimited returns an attempt without limits, because no one can guess the answer of a passkey.
func unlimited(device string) signInAttempt { return signInAttempt{device: device} }

// addFailedPasskey records a failed sign-in if err is about the passkey. It returns err.
func (s *Store) addFailedPasskey(ctx context.Context, used *answer, err error) error {
	if used == nil || !errors.Is(err, errPasskey) {
		return err
	}
	return errors.Join(s.addFailedSignIn(ctx, used.user), err)
}

// CompleteSignInWithPasskey completes a pending sign-in with a passkey, as SignInWithCode does with a code.
func (s *Store) CompleteSignInWithPasskey(ctx context.Context, rp *RelyingParty, oldSession, pendingID, device, response string) (*SignedIn, error) {
	user, err := s.PendingUser(ctx, pendingID)
	if err != nil {
		return nil, err
	}
	used, err := s.answerOf(ctx, rp, challenged{secondStep, pendingID, user.ID}, response)
	if err != nil {
		return nil, s.addFailedPasskey(ctx, used, err)
	}
	known, err := s.knownDevice(ctx, user, device)
	if err != nil {
		return nil, err
	}
	in, err := s.completeSignIn(ctx, oldSession, pendingID, user, unlimited(known), func(ctx context.Context, tx *Store) (string, error) {
		return "passkey", tx.recordUse(ctx, used)
	})
	return in, s.addFailedPasskey(ctx, used, err)
}

// ProveWithPasskey records that a signed-in user has proved with a passkey who they are.
func (s *Store) ProveWithPasskey(ctx context.Context, rp *RelyingParty, user *User, session, response string) error {
	used, err := s.answerOf(ctx, rp, challenged{proofOfOwner, session, user.ID}, response)
	if err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.recordUse(ctx, used); err != nil {
			return err
		}
		return tx.setProven(ctx, session)
	})
}
