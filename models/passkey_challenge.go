package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// PasskeyChallengeLife is how long a browser can take to answer with a passkey.
const PasskeyChallengeLife = 5 * time.Minute

// maxChallenges limits the challenges that wait for one network of 64 bits or IPv4 address, because the sign-in
// page asks for them before anyone has signed in.
const maxChallenges = 500

// passkeyPurpose is what a person uses a passkey for.
type passkeyPurpose string

// The purposes.
const (
	registration passkeyPurpose = "registration"
	signIn       passkeyPurpose = "sign_in"
	secondStep   passkeyPurpose = "second_factor"
	proofOfOwner passkeyPurpose = "proof"
)

// passkeyChallenge is a random value that a passkey must sign. The database stores only its hash.
type passkeyChallenge struct {
	Digest    []byte `gorm:"primaryKey"`
	Purpose   passkeyPurpose
	Holder    []byte // hash of what only the browser has that asked for the challenge
	UserID    string // who must answer; empty for anyone
	Client    string // hash of the network
	ExpiresAt time.Time
	CreatedAt time.Time
}

// challenged identifies the browser and the person that may answer a challenge.
type challenged struct {
	purpose passkeyPurpose
	holder  string // the session ID, the ID of the pending sign-in, or a cookie
	userID  string // empty for anyone
}

// errChallenge is returned for an answer to a challenge that has expired, was answered, or was given to another
// browser.
var errChallenge = Errorf(FailedPrecondition, "This took too long, or the passkey was already used. Try again.")

// NewPasskeyOptions returns what the browser with a session needs to create a passkey for a user, as JSON.
func (s *Store) NewPasskeyOptions(ctx context.Context, rp *RelyingParty, userID, session string) ([]byte, error) {
	if rp == nil {
		return nil, errNoRelyingParty
	}
	owner, err := s.passkeyOwner(ctx, userID)
	if err != nil {
		return nil, err
	}
	if err := s.setPasskeyHandle(ctx, owner.User); err != nil {
		return nil, err
	}
	created, _, err := rp.BeginRegistration(owner, webauthn.WithExclusions(webauthn.Credentials(owner.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("begin registration: %w", err)
	}
	return s.challenge(ctx, challenged{registration, session, userID}, created.Response.Challenge, created.Response)
}

// SignInPasskeyOptions returns what a browser needs to sign in with any passkey, as JSON. The browser is
// identified by the value of a cookie.
func (s *Store) SignInPasskeyOptions(ctx context.Context, rp *RelyingParty, browser string) ([]byte, error) {
	if rp == nil {
		return nil, errNoRelyingParty
	}
	asked, _, err := rp.BeginDiscoverableLogin()
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	return s.challenge(ctx, challenged{signIn, browser, ""}, asked.Response.Challenge, asked.Response)
}

// PendingPasskeyOptions returns what a browser needs to complete a pending sign-in with a passkey, as JSON. It
// returns ErrPendingSignIn if the password must be entered again.
func (s *Store) PendingPasskeyOptions(ctx context.Context, rp *RelyingParty, pendingID string) ([]byte, error) {
	user, err := s.PendingUser(ctx, pendingID)
	if err != nil {
		return nil, err
	}
	return s.passkeyOptions(ctx, rp, challenged{secondStep, pendingID, user.ID})
}

// ProofPasskeyOptions returns what the browser with a session needs for ProveWithPasskey, as JSON.
func (s *Store) ProofPasskeyOptions(ctx context.Context, rp *RelyingParty, userID, session string) ([]byte, error) {
	return s.passkeyOptions(ctx, rp, challenged{proofOfOwner, session, userID})
}

// passkeyOptions returns what a browser needs to use a passkey of a known user.
func (s *Store) passkeyOptions(ctx context.Context, rp *RelyingParty, to challenged) ([]byte, error) {
	if rp == nil {
		return nil, errNoRelyingParty
	}
	owner, err := s.passkeyOwner(ctx, to.userID)
	if err != nil {
		return nil, err
	}
	if len(owner.passkeys) == 0 {
		return nil, Errorf(FailedPrecondition, "You have no passkeys.")
	}
	asked, _, err := rp.BeginLogin(owner)
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return s.challenge(ctx, to, asked.Response.Challenge, asked.Response)
}

// challenge stores a challenge and returns the options that contain it. It returns RateLimited if too many
// wait for the same network.
func (s *Store) challenge(ctx context.Context, to challenged, text protocol.URLEncodedBase64, options any) ([]byte, error) {
	now, client := s.now(), subject("address", prefixOf(ActorOf(ctx).Address, 32, 64))
	var waiting int64
	if err := s.with(ctx).Model(&passkeyChallenge{}).Where("client = ? AND expires_at > ?", client, now).Count(&waiting).Error; err != nil {
		return nil, fmt.Errorf("count passkey challenges: %w", err)
	}
	if waiting >= maxChallenges {
		return nil, &Error{Kind: RateLimited, Message: "Too many attempts.", RetryAfter: PasskeyChallengeLife}
	}
	row := passkeyChallenge{
		Digest: digestOf(text.String()), Purpose: to.purpose, Holder: digestOf(to.holder), UserID: to.userID, Client: client,
		ExpiresAt: now.Add(PasskeyChallengeLife), CreatedAt: now,
	}
	if err := s.with(ctx).Create(&row).Error; err != nil {
		return nil, fmt.Errorf("insert passkey challenge: %w", err)
	}
	return json.Marshal(options)
}

// takeChallenge deletes a challenge that a browser answers, so that it can't be answered again, even if this
// answer is rejected. It returns errChallenge if this browser has no such challenge.
func (s *Store) takeChallenge(ctx context.Context, by challenged, text string) error {
	taken := s.with(ctx).
		Where("digest = ? AND purpose = ? AND holder = ? AND user_id = ? AND expires_at > ?", digestOf(text), by.purpose, digestOf(by.holder), by.userID, s.now()).
		Delete(&passkeyChallenge{})
	if taken.Error != nil {
		return fmt.Errorf("delete passkey challenge: %w", taken.Error)
	}
	if taken.RowsAffected == 0 {
		return errChallenge
	}
	return nil
}
