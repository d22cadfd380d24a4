package modelstest

import (
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// PasskeyURL is a public URL at which passkeys work, also without HTTPS.
const PasskeyURL = "http://localhost"

// Passkey is an authenticator with one passkey for PasskeyURL, and the browser that uses it.
type Passkey struct {
	Origin     string // of the page that uses it
	Options    virtualwebauthn.AuthenticatorOptions
	Credential virtualwebauthn.Credential
	Uncounted  bool // like many authenticators that sync
	Recovery   []token.Secret
}

// publicKeySize is the size in COSE of a public key on the curve P-256.
const publicKeySize = 77

// NewPasskey returns an authenticator that can create a passkey.
func NewPasskey() *Passkey {
	for {
		credential := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if len(credential.Key.AttestationData()) == publicKeySize { // the library omits zeros at the beginning
			return &Passkey{Origin: PasskeyURL, Credential: credential}
		}
	}
}

func (p *Passkey) party() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: "localhost", Origin: p.Origin}
}

func (p *Passkey) count() {
	p.Credential.Counter++
	if p.Uncounted {
		p.Credential.Counter = 0
	}
}

// Create returns the response of the browser to options for a new passkey.
func (p *Passkey) Create(t testing.TB, options []byte) string {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatalf("%v in %s", err, options)
	}
	p.Options.UserHandle = []byte(parsed.UserID)
	p.count()
	return virtualwebauthn.CreateAttestationResponse(p.party(), virtualwebauthn.NewAuthenticatorWithOptions(p.Options), p.Credential, *parsed)
}

// Answer returns the response of the browser to options that ask for a passkey.
func (p *Passkey) Answer(t testing.TB, options []byte) string {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatalf("%v in %s", err, options)
	}
	p.count()
	return virtualwebauthn.CreateAssertionResponse(p.party(), virtualwebauthn.NewAuthenticatorWithOptions(p.Options), p.Credential, *parsed)
}

// AddPasskeyOf adds a passkey with a name to a user.
func (s *Store) AddPasskeyOf(t testing.TB, userID, name string) *Passkey {
	t.Helper()
	user, err := s.User(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	members, err := s.MembershipsOf(t.Context(), userID)
	if err != nil || len(members) == 0 {
		t.Fatalf("memberships = %d, error = %v; want at least one", len(members), err)
	}
	ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: members[0].ID, Name: user.Name})
	rp := models.RelyingPartyOf(PasskeyURL)
	options, err := s.NewPasskeyOptions(ctx, rp, userID, "session")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPasskey()
	if p.Recovery, err = s.AddPasskey(ctx, rp, userID, "session", name, p.Create(t, options)); err != nil {
		t.Fatal(err)
	}
	return p
}
