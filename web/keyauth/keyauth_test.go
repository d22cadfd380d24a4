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

func TestVerifyLooksUpOnlyWellFormedKeys(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		good := token.New(token.Live).Reveal()
		verifier := keyauth.New(s.Store, keyauth.Options{})
		if err := s.Close(); err != nil { // a lookup fails
			t.Fatal(err)
		}
		for _, text := range []string{"", "x", good[:43], good + "A", strings.ToLower(good), good[:43] + "_", "acme" + good[2:], strings.Repeat(good, 1000)} {
			if _, err := verifier.Verify(context.Background(), []string{"Bearer " + text}); !errors.Is(err, keyauth.ErrInvalid) {
				t.Errorf("Verify(%.60q) = %v, want ErrInvalid", text, err)
			}
		}
		unavailable := new(keyauth.UnavailableError)
		if _, err := verifier.Verify(context.Background(), []string{"Bearer " + good}); !errors.As(err, &unavailable) {
			t.Errorf("Verify of a well-formed key = %v, want an UnavailableError", err)
		}
	})
}

func TestVerifyReturnsKey(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		workspace, _ := s.NewWorkspace(t, "Acme", "ada@acme.test")
		want, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI", Scopes: scope.Of(scope.SeatsRead)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := keyauth.New(s.Store, keyauth.Options{}).Verify(context.Background(), []string{"bearer  " + secret.Reveal()})
		if err != nil {
			t.Fatal(err)
		}
		if got.ID() != want.ID {
			t.Errorf("ID = %s, want %s", got.ID(), want.ID)
		}
		if got.WorkspaceID() != workspace.ID {
			t.Errorf("workspace = %s, want %s", got.WorkspaceID(), workspace.ID)
		}
		if err := got.Require(scope.Of(scope.SeatsRead), scope.Builtin); err != nil {
			t.Errorf("Require of a scope it has = %v, want nil", err)
		}
		missing := new(keyauth.ScopeError)
		needed := scope.Of(scope.SeatsRead, scope.SeatsWrite, scope.MembersRead)
		if err := got.Require(needed, scope.Builtin); !errors.As(err, &missing) || missing.Names != "members.read seats.write" {
			t.Errorf("Require of scopes it lacks = %v, want a ScopeError for members.read and seats.write", err)
		}
	})
}

// FuzzAuthorization checks that no header panics and that only the key itself is accepted. Headers
// contain "KEY" in place of the key, because each process that fuzzes creates its own.
func FuzzAuthorization(f *testing.F) {
	s := modelstest.NewSQLite(f)
	workspace, _ := s.NewWorkspace(f, "Acme", "ada@acme.test")
	_, secret, err := s.CreateAPIKey(context.Background(), workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		f.Fatal(err)
	}
	good := secret.Reveal()
	verifier := keyauth.New(s.Store, keyauth.Options{})
	for _, seed := range []string{"", "Bearer", "Bearer ", "Bearer KEY", "bearer  KEY", "Basic KEY", "Bearer KEY0", "Bearer\tKEY"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		header = strings.ReplaceAll(header, "KEY", good)
		_, err := verifier.Verify(context.Background(), []string{header})
		scheme, text, _ := strings.Cut(header, " ")
		want := strings.EqualFold(scheme, "Bearer") && strings.TrimLeft(text, " ") == good
		if got := err == nil; got != want {
			t.Errorf("Verify(%q) accepted = %t (%v), want %t", header, got, err, want)
		}
	})
}
