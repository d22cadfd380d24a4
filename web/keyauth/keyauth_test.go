package keyauth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/keyauth"
)

// TestMalformedKeysNeedNoLookUp: with the database closed, only what could be a key is asked for.
func TestMalformedKeysNeedNoLookUp(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		good := token.New(token.Live).Reveal()
		verifier := keyauth.New(s.Store, keyauth.Options{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "x", good[:43], good + "A", strings.ToLower(good), good[:43] + "_", token.New(token.Test).Reveal(), strings.Repeat(good, 1000)} {
			if _, err := verifier.Verify(context.Background(), []string{"Bearer " + text}); !errors.Is(err, keyauth.ErrInvalid) {
				t.Errorf("%.60q: %v, want ErrInvalid", text, err)
			}
		}
		unavailable := new(keyauth.UnavailableError)
		if _, err := verifier.Verify(context.Background(), []string{"Bearer " + good}); !errors.As(err, &unavailable) {
			t.Errorf("a key that has to be looked up: %v, want an UnavailableError", err)
		}
	})
}

func TestVerifyReturnsTheKey(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
		want, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := keyauth.New(s.Store, keyauth.Options{}).Verify(context.Background(), []string{"bearer  " + secret.Reveal()})
		if err != nil || got.ID() != want.ID || got.WorkspaceID() != workspace.ID {
			t.Fatalf("got %+v, %v", got, err)
		}
		if err := got.Require(scope.SeatsRead); err != nil {
			t.Errorf("the scope it holds: %v", err)
		}
		lacking := new(keyauth.ScopeError)
		if err := got.Require(scope.SeatsWrite); !errors.As(err, &lacking) || lacking.Scope != scope.SeatsWrite {
			t.Errorf("a scope it lacks: %v", err)
		}
	})
}

// FuzzAuthorization: no header panics, and none but the key's own gets in.
func FuzzAuthorization(f *testing.F) {
	s := modelstest.NewSQLite(f)
	workspace, _ := s.NewWorkspace(f, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		f.Fatal(err)
	}
	good := secret.Reveal()
	verifier := keyauth.New(s.Store, keyauth.Options{})
	for _, seed := range []string{"", "Bearer", "Bearer ", "Bearer " + good, "bearer  " + good, "Basic " + good, "Bearer " + good[:43], "Bearer\t" + good} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		_, err := verifier.Verify(context.Background(), []string{header})
		scheme, text, _ := strings.Cut(header, " ")
		rightful := strings.EqualFold(scheme, "Bearer") && strings.TrimLeft(text, " ") == good
		if rightful != (err == nil) {
			t.Errorf("%q: %v", header, err)
		}
	})
}
