package models_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

var party = models.RelyingPartyOf(modelstest.PasskeyURL)

func TestRelyingPartyOf(t *testing.T) {
	for url, works := range map[string]bool{
		"https://keys.example.com": true, "https://keys.example.com:8443": true, "http://localhost": true, "http://localhost:8080": true,
		"http://keys.localhost:8080": true, "http://keys.example.com": false, "http://127.0.0.1:8080": false, "https://192.0.2.7": false, "https://[2001:db8::1]": false, "": false,
	} {
		if got := models.RelyingPartyOf(url) != nil; got != works {
			t.Errorf("RelyingPartyOf(%q) exists = %t, want %t", url, got, works)
		}
	}
}

// signInOptions returns the options of a sign-in in Ada's browser.
func signInOptions(t *testing.T, s fixture) []byte {
	t.Helper()
	options, err := s.SignInPasskeyOptions(s.ctx, party, "browser")
	if err != nil {
		t.Fatal(err)
	}
	return options
}

func (s fixture) signInWith(response string) (*models.SignedIn, error) {
	return s.SignInWithPasskey(s.ctx, party, "", "browser", "", response)
}

func TestSignInWithPasskey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		passkey := s.AddPasskeyOf(t, s.admin.UserID, "Laptop")
		s.wantAccountEmail(t, models.PasskeyAddedEmail, ada.Email)
		wantEvents(t, s, s.id, s.admin.UserID, "user.passkey_added", 1)
		if options := signInOptions(t, s); bytes.Contains(options, []byte("allowCredentials")) {
			t.Errorf("options = %s, want none of a person", options)
		}
		for range 2 { // the counter goes up
			in, err := s.signInWith(passkey.Answer(t, signInOptions(t, s)))
			if err != nil {
				t.Fatal(err)
			}
			wantLiving(t, s, in.SessionID)
			modelstest.Equal(t, "user", in.User.ID, s.admin.UserID)
			modelstest.Equal(t, "workspace", in.WorkspaceID, s.id)
		}
		wantEvents(t, s, s.id, s.admin.UserID, "user.signed_in", 2)
		state, err := s.SecondFactorOf(s.ctx, s.admin.UserID)
		if err != nil || len(state.Passkeys) != 1 {
			t.Fatalf("passkeys = %d, error = %v; want 1", len(state.Passkeys), err)
		}
		got := state.Passkeys[0]
		modelstest.Equal(t, "name", got.Name, "Laptop")
		modelstest.Equal(t, "counter", got.SignCount, 3)
		if got.LastUsedAt == nil || !got.LastUsedAt.Equal(s.Clock.Now()) {
			t.Errorf("last used at %v, want %v", got.LastUsedAt, s.Clock.Now())
		}
	})
}

// TestPasskeyAnswers checks which answers to a challenge are rejected.
func TestPasskeyAnswers(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		passkey := s.AddPasskeyOf(t, s.admin.UserID, "Laptop")
		wantRejected := func(what string, err error, message string) {
			t.Helper()
			rejected := new(models.Error)
			if !errors.As(err, &rejected) || !strings.Contains(rejected.Message, message) {
				t.Errorf("%s: error = %v, want %q", what, err, message)
			}
			wantCount(t, s.Store, "sessions", 0)
		}
		const expired, wrong = "took too long, or the passkey was already used", "wasn't accepted"

		unanswered := signInOptions(t, s)
		_, err := s.SignInWithPasskey(s.ctx, party, "", "another browser", "", passkey.Answer(t, unanswered))
		wantRejected("another browser", err, expired)
		s.Clock.Advance(models.PasskeyChallengeLife)
		_, err = s.signInWith(passkey.Answer(t, unanswered))
		wantRejected("too late", err, expired)

		proof, err := s.ProofPasskeyOptions(s.ctx, party, s.admin.UserID, "browser")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.signInWith(passkey.Answer(t, proof))
		wantRejected("challenge for a proof", err, expired)

		_, err = s.signInWith("{}")
		wantRejected("no answer", err, wrong)
		_, err = s.signInWith(modelstest.NewPasskey().Answer(t, signInOptions(t, s)))
		wantRejected("unknown passkey", err, wrong)
		for what, change := range map[string]func(*modelstest.Passkey){
			"another site":          func(p *modelstest.Passkey) { p.Origin = "https://evil.test" },
			"no user verification":  func(p *modelstest.Passkey) { p.Options.UserNotVerified = true },
			"no user":               func(p *modelstest.Passkey) { p.Options.UserHandle = nil },
			"handle of someone":     func(p *modelstest.Passkey) { p.Options.UserHandle = []byte("someone else") },
			"another private key":   func(p *modelstest.Passkey) { p.Credential.Key = modelstest.NewPasskey().Credential.Key },
			"changed backup policy": func(p *modelstest.Passkey) { p.Options.BackupEligible = true },
		} {
			changed := *passkey
			change(&changed)
			_, err := s.signInWith(changed.Answer(t, signInOptions(t, s)))
			wantRejected(what, err, wrong)
		}
		options, forged := signInOptions(t, s), *passkey
		forged.Credential.Key = modelstest.NewPasskey().Credential.Key
		_, err = s.signInWith(forged.Answer(t, options))
		wantRejected("first answer", err, wrong)
		_, err = s.signInWith(passkey.Answer(t, options))
		wantRejected("second answer", err, expired)
	})
}

// TestPasskeyResponseIsUsedOnce replays a response later and at the same time.
func TestPasskeyResponseIsUsedOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		passkey := s.AddPasskeyOf(t, s.admin.UserID, "Phone")
		passkey.Uncounted = true
		if err := s.DB().Exec("UPDATE passkeys SET sign_count = 0").Error; err != nil {
			t.Fatal(err)
		}
		response := passkey.Answer(t, signInOptions(t, s))
		if _, err := s.signInWith(response); err != nil {
			t.Fatal(err)
		}
		_, err := s.signInWith(response)
		wantKind(t, err, models.FailedPrecondition)

		response = passkey.Answer(t, signInOptions(t, s))
		wantOneWinner(t, atOnce(3, func(int) error {
			_, err := s.signInWith(response)
			return err
		}), func(err error) bool { return models.IsKind(err, models.FailedPrecondition) })
		wantCount(t, s.Store, "sessions", 2)
	})
}

// TestCopiedPasskey checks that a passkey whose counter doesn't go up is rejected and recorded.
func TestCopiedPasskey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		passkey := s.AddPasskeyOf(t, s.admin.UserID, "Laptop")
		copied := *passkey
		if _, err := s.signInWith(passkey.Answer(t, signInOptions(t, s))); err != nil {
			t.Fatal(err)
		}
		_, err := s.signInWith(copied.Answer(t, signInOptions(t, s)))
		wantKind(t, err, models.Invalid)
		wantEvents(t, s, s.id, s.admin.UserID, "user.passkey_rejected", 1)
		wantCount(t, s.Store, "sessions", 1)
	})
}

// TestPasskeyIsSecondFactor checks that the password isn't enough for someone with a passkey, and what is.
func TestPasskeyIsSecondFactor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		passkey := s.AddPasskeyOf(t, s.admin.UserID, "Laptop")
		modelstest.Equal(t, "recovery codes", len(passkey.Recovery), 10)
		s.Clock.Advance(time.Minute)
		answer := func(pendingID string) string {
			options, err := s.PendingPasskeyOptions(s.ctx, party, pendingID)
			if err != nil {
				t.Fatal(err)
			}
			return passkey.Answer(t, options)
		}
		id := pending(t, s, s.ctx, "")
		response := answer(id)
		_, err := s.CompleteSignInWithPasskey(s.ctx, party, "", pending(t, s, s.ctx, ""), "", response)
		wantKind(t, err, models.FailedPrecondition) // the challenge is of another sign-in
		in, err := s.CompleteSignInWithPasskey(s.ctx, party, "", id, "", answer(id))
		if err != nil {
			t.Fatal(err)
		}
		wantLiving(t, s, in.SessionID)
		_, err = s.PendingPasskeyOptions(s.ctx, party, id)
		wantKind(t, err, models.NotFound)
		if _, err := s.SignInWithCode(s.ctx, "", pending(t, s, s.ctx, ""), "", passkey.Recovery[0].Reveal()); err != nil {
			t.Errorf("sign in with a recovery code: %v", err)
		}

		grace := s.joined(t, "grace@acme.test", models.Viewer)
		s.AddPasskeyOf(t, grace.UserID, "Grace's")
		options, err := s.PendingPasskeyOptions(s.ctx, party, pending(t, s, s.ctx, ""))
		if err != nil {
			t.Fatal(err)
		}
		var asked struct{ AllowCredentials []json.RawMessage }
		if err := json.Unmarshal(options, &asked); err != nil || len(asked.AllowCredentials) != 1 {
			t.Errorf("passkeys that are asked for = %s, error = %v; want 1", options, err)
		}
	})
}

func TestManagePasskeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		user := &s.admin.User
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		s.AddPasskeyOf(t, user.ID, "Laptop")
		app := s.AddSecondFactor(t, user.ID)
		modelstest.Equal(t, "recovery codes of a second one", len(app.Recovery), 0)
		again := s.AddPasskeyOf(t, user.ID, "Phone")
		modelstest.Equal(t, "recovery codes of another passkey", len(again.Recovery), 0)
		names := func() (names []string) {
			state, err := s.SecondFactorOf(s.ctx, user.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, passkey := range state.Passkeys {
				names = append(names, passkey.Name)
			}
			return names
		}
		state, err := s.SecondFactorOf(s.ctx, user.ID)
		if err != nil {
			t.Fatal(err)
		}
		laptop, phone := state.Passkeys[0].ID, state.Passkeys[1].ID
		wantUnchanged(t, s.Store, func() {
			wantFields(t, s.RenamePasskey(s.ctx, user, laptop, " "), "name")
			wantKind(t, s.RenamePasskey(s.ctx, &grace.User, laptop, "Mine"), models.NotFound)
			wantKind(t, s.RemovePasskey(s.ctx, &grace.User, laptop), models.NotFound)
		})
		if err := s.RenamePasskey(s.ctx, user, laptop, "Work laptop"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Work laptop", "Phone"}, names()); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		if err := s.RemoveAuthenticatorApp(s.ctx, user); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "recovery_codes", 10)
		for _, id := range []string{laptop, phone} {
			if err := s.RemovePasskey(s.ctx, user, id); err != nil {
				t.Fatal(err)
			}
		}
		wantCount(t, s.Store, "recovery_codes", 0)
		for action, count := range map[string]int{"user.passkey_renamed": 1, "user.authenticator_app_removed": 1, "user.passkey_removed": 2} {
			wantEvents(t, s, s.id, user.ID, action, count)
		}
		_, err = s.signInWith(again.Answer(t, signInOptions(t, s)))
		wantKind(t, err, models.Invalid)

		s.AddPasskeyOf(t, grace.UserID, "Grace's")
		if _, err := s.RemoveSecondFactorOfMember(s.ctx, s.admin.UserID, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "passkeys", 0)
		wantCount(t, s.Store, "recovery_codes", 0)
	})
}

// TestRegistration checks that only the browser that asked can add a passkey, once, and that its handle tells
// nothing about the person.
func TestRegistration(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		ask := func() []byte {
			options, err := s.NewPasskeyOptions(s.ctx, party, s.admin.UserID, "session")
			if err != nil {
				t.Fatal(err)
			}
			return options
		}
		passkey := modelstest.NewPasskey()
		response := passkey.Create(t, ask())
		handle := passkey.Options.UserHandle
		modelstest.Equal(t, "size of the handle", len(handle), 64)
		passkey.Create(t, ask())
		if !bytes.Equal(passkey.Options.UserHandle, handle) {
			t.Error("the handle of a person changes")
		}
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		_, err := s.AddPasskey(s.ctx, party, s.admin.UserID, "another session", "Laptop", response)
		wantKind(t, err, models.FailedPrecondition)
		_, err = s.AddPasskey(s.ctx, party, grace.UserID, "session", "Laptop", response)
		wantKind(t, err, models.FailedPrecondition)
		_, err = s.AddPasskey(s.ctx, party, s.admin.UserID, "session", "", response)
		wantFields(t, err, "name")
		_, err = s.AddPasskey(s.ctx, party, s.admin.UserID, "session", "Laptop", "")
		wantKind(t, err, models.FailedPrecondition)
		_, err = s.AddPasskey(s.ctx, nil, s.admin.UserID, "session", "Laptop", response)
		wantKind(t, err, models.FailedPrecondition)
		wantCount(t, s.Store, "passkeys", 0)
		if _, err := s.AddPasskey(s.ctx, party, s.admin.UserID, "session", "Laptop", response); err != nil {
			t.Fatal(err)
		}
		_, err = s.AddPasskey(s.ctx, party, s.admin.UserID, "session", "Laptop", response)
		wantKind(t, err, models.FailedPrecondition)

		unverified := modelstest.NewPasskey()
		unverified.Options.UserNotVerified = true
		_, err = s.AddPasskey(s.ctx, party, s.admin.UserID, "session", "Key", unverified.Create(t, ask()))
		wantKind(t, err, models.Invalid)
		wantCount(t, s.Store, "passkeys", 1)
	})
}

// TestPasskeyChallenges checks that the challenges of one network are limited, and deleted when they have expired.
func TestPasskeyChallenges(t *testing.T) {
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", ada.Email)
	t.Parallel()
	for range 500 {
		signInOptions(t, s)
	}
	_, err := s.SignInPasskeyOptions(s.ctx, party, "browser")
	wantKind(t, err, models.RateLimited)
	if _, err := s.SignInPasskeyOptions(from(t, "203.0.113.9"), party, "browser"); err != nil {
		t.Errorf("another network: %v", err)
	}
	s.Clock.Advance(models.PasskeyChallengeLife)
	signInOptions(t, s)
	if err := s.PurgeExpired(s.ctx); err != nil {
		t.Fatal(err)
	}
	wantCount(t, s.Store, "passkey_challenges", 1)
}
