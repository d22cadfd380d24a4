package modelstest

import (
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// Authenticator is an app that shows the codes of a person's second factor.
type Authenticator struct {
	store    *Store
	Secret   string
	Recovery []token.Secret
}

// AddSecondFactor sets up a second factor for a user. It advances the Clock so that the next code can be
// used.
func (s *Store) AddSecondFactor(t testing.TB, userID string) *Authenticator {
	t.Helper()
	user, err := s.User(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	setup, err := s.NewSecondFactorSetup(user)
	if err != nil {
		t.Fatal(err)
	}
	a := &Authenticator{store: s, Secret: setup.Secret.Reveal()}
	members, err := s.MembershipsOf(t.Context(), userID)
	if err != nil || len(members) == 0 {
		t.Fatalf("memberships = %d, error = %v; want at least one", len(members), err)
	}
	ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: members[0].ID, Name: user.Name})
	if a.Recovery, err = s.SetSecondFactor(ctx, userID, setup.Sealed, a.Code(t)); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(30 * time.Second)
	return a
}

// Code returns the code that the app shows.
func (a *Authenticator) Code(t testing.TB) string {
	t.Helper()
	return a.CodeAt(t, a.store.Clock.Now())
}

// CodeAt returns the code that the app shows at a time.
func (a *Authenticator) CodeAt(t testing.TB, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(a.Secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}
