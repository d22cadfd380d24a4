package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestSignIn(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		anonymous := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Name: "Unknown", Address: "192.0.2.7", UserAgent: "Browser/1.0"})
		for _, email := range []string{"ada@acme.test", "ADA@ACME.TEST", "Ada@Acme.Test"} {
			in, err := s.SignIn(anonymous, "", models.Credentials{Email: email, Password: modelstest.Password})
			if err != nil {
				t.Fatalf("sign in as %s: %v", email, err)
			}
			modelstest.Equal(t, email+" user ID", in.User.ID, s.admin.UserID)
			modelstest.Equal(t, email+" workspace ID", in.WorkspaceID, s.id)
			if len(in.SessionID) < 26 {
				t.Errorf("%s: session ID = %d bytes, want at least 26", email, len(in.SessionID))
			}
			if len(in.Device) < 26 {
				t.Errorf("%s: device = %d bytes, want at least 26", email, len(in.Device))
			}
			wantEvent(t, s, s.admin.UserID, "user.signed_in")
		}
	})
}

func TestUnknownEmailAndWrongPasswordReturnSameError(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		type outcome struct {
			Error      string
			Kind       models.Kind
			Fields     models.Fields
			Statements []string
		}
		try := func(c models.Credentials) outcome {
			var done []string
			stop := recordStatements(t, s.DB(), &done)
			defer stop()
			in, err := s.SignIn(t.Context(), "", c)
			if in != nil {
				t.Errorf("SignIn(%+v) succeeded", c)
			}
			refused, ok := err.(*models.Error)
			if !ok {
				t.Fatalf("SignIn(%+v): %v, want a *models.Error", c, err)
			}
			return outcome{refused.Message, refused.Kind, refused.Fields, done}
		}
		wrong := try(models.Credentials{Email: "ada@acme.test", Password: "wrong"})
		modelstest.Equal(t, "kind", wrong.Kind, models.Invalid)
		modelstest.Equal(t, "fields", wrong.Fields, nil)
		if len(wrong.Statements) < 5 {
			t.Errorf("statements = %d, want at least 5", len(wrong.Statements))
		}
		for _, c := range []models.Credentials{
			{Email: "unknown@acme.test", Password: "wrong"},
			{Email: "unknown@acme.test", Password: modelstest.Password},
			{Email: "unknown@acme.test", Password: "no account has this password"},
			{Email: "", Password: ""},
			{Email: "ada@acme.test\x00", Password: modelstest.Password},
			{Email: "ada@acme.test\xff", Password: "\xff\x00"},
			{Email: "ada@acme.test ", Password: modelstest.Password},
			{Email: strings.Repeat("a", 60_000), Password: strings.Repeat("a", 60_000)},
			{Email: "' OR 1=1 --", Password: "' OR 1=1 --"},
		} {
			if diff := cmp.Diff(wrong, try(c)); diff != "" {
				t.Errorf("error for %.40q (-wrong password +got):\n%s", c.Email, diff)
			}
		}
		withDevice := models.Credentials{Email: "ada@acme.test\x00", Password: "wrong", Device: "\x00\xff"}
		if diff := cmp.Diff(wrong.Error, try(withDevice).Error); diff != "" {
			t.Errorf("error with an unknown device (-want +got):\n%s", diff)
		}
	})
}

// recordStatements adds the text of every statement, without its values, to done.
func recordStatements(t *testing.T, db *gorm.DB, done *[]string) (stop func()) {
	t.Helper()
	record := func(db *gorm.DB) { *done = append(*done, db.Statement.SQL.String()) }
	callbacks := db.Callback()
	const name = "record"
	for _, err := range []error{
		callbacks.Query().Register(name, record), callbacks.Create().Register(name, record), callbacks.Update().Register(name, record),
		callbacks.Delete().Register(name, record), callbacks.Raw().Register(name, record), callbacks.Row().Register(name, record),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for _, err := range []error{
			callbacks.Query().Remove(name), callbacks.Create().Remove(name), callbacks.Update().Remove(name),
			callbacks.Delete().Remove(name), callbacks.Raw().Remove(name), callbacks.Row().Remove(name),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	}
}

func TestFailedSignInIsAudited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Name: "Unknown", Address: "198.51.100.9", UserAgent: "bad\xff\x00agent"})
		for _, email := range []string{"ada@acme.test", "my password by mistake"} {
			if _, err := s.SignIn(ctx, "", models.Credentials{Email: email, Password: "wrong"}); err == nil {
				t.Errorf("SignIn as %s succeeded with a wrong password", email)
			}
		}
		events := eventsOf(t, s, s.admin.UserID)
		if len(events) != 1 {
			t.Fatalf("events = %+v, want 1", events)
		}
		modelstest.Equal(t, "events[0] action", events[0].Action, "user.sign_in_failed")
		modelstest.Equal(t, "events[0] actor type", events[0].ActorType, models.ActorAnonymous)
		modelstest.Equal(t, "events[0] address", events[0].Address, "198.51.100.9")
		modelstest.Equal(t, "events[0] user agent", events[0].UserAgent, "bad��agent")
		if strings.Contains(s.Dump(t), "my password by mistake") {
			t.Error("a password entered as the email is stored")
		}
	})
}

func TestChangePassword(t *testing.T) {
	const next = "another long enough passphrase"
	eachDatabase(t, func(t *testing.T, s fixture) {
		this, other := signIn(t, s, ada), signIn(t, s, ada)
		if err := s.ChangePassword(s.ctx, s.id, s.admin.UserID, this.SessionID, modelstest.Password, next); err != nil {
			t.Fatal(err)
		}
		wantEvent(t, s, s.admin.UserID, "user.password_changed")
		wantLiving(t, s, this.SessionID)
		wantOver(t, s, other.SessionID)
		wantCount(t, s.Store, "known_devices", 0)
		if _, err := s.SignIn(s.ctx, "", ada); err == nil {
			t.Error("SignIn with the old password succeeded")
		}
		signIn(t, s, models.Credentials{Email: ada.Email, Password: next})
	})
}

func TestChangePasswordRejects(t *testing.T) {
	tests := []struct {
		name, present, next string
		fields              []string
	}{
		{"wrong present password", "wrong", "another long enough passphrase", []string{"password"}},
		{"short", modelstest.Password, "short", []string{"new_password"}},
		{"common", modelstest.Password, "QwertyUiopAsdfgh", []string{"new_password"}},
		{"own address", modelstest.Password, "ada@acme.test.ada", []string{"new_password"}},
		{"own name", modelstest.Password, "Ada Admin Ada Admin 1", []string{"new_password"}},
		{"both wrong", "", "", []string{"password", "new_password"}},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		this := signIn(t, s, ada)
		for _, tt := range tests {
			wantUnchanged(t, s.Store, func() {
				err := s.ChangePassword(s.ctx, s.id, s.admin.UserID, this.SessionID, tt.present, tt.next)
				s.Exec(t, "DELETE FROM sign_in_throttles WHERE subject LIKE 'password:%'") // a wrong one is counted
				if wantFields(t, err, tt.fields...); t.Failed() {
					t.Fatal(tt.name)
				}
			})
		}
		err := s.ChangePassword(s.ctx, s.id, "usr_nope", this.SessionID, modelstest.Password, "another long enough passphrase")
		wantKind(t, err, models.NotFound)
	})
}

func TestConcurrentPasswordChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		present := modelstest.Password
		for i := range 10 {
			next := []string{fmt.Sprint("the passphrase of the owner ", i), fmt.Sprint("the passphrase of the thief ", i)}
			errs := atOnce(2, func(i int) error {
				return s.ChangePassword(s.ctx, s.id, s.admin.UserID, "", present, next[i])
			})
			wantOneWinner(t, errs, func(err error) bool { fields, _ := models.FieldsOf(err); return fields["password"] != "" })
			if present = next[0]; errs[0] != nil {
				present = next[1]
			}
			if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: ada.Email, Password: present}); err != nil {
				t.Fatalf("sign in with the password of the call that succeeded: %v", err)
			}
		}
	})
}

func TestChangePasswordIsRateLimited(t *testing.T) {
	const next = "another long enough passphrase"
	eachDatabase(t, func(t *testing.T, s fixture) {
		change := func(present string) error {
			return s.ChangePassword(s.ctx, s.id, s.admin.UserID, "", present, next)
		}
		for range 5 {
			wantFields(t, change("wrong"), "password")
		}
		wantFields(t, change(modelstest.Password), "password")
		s.Clock.Advance(time.Minute)
		if err := change(modelstest.Password); err != nil {
			t.Errorf("change password after a minute: %v", err)
		}
	})
}

func TestSignInDuringPasswordChange(t *testing.T) {
	const next = "another long enough passphrase"
	eachDatabase(t, func(t *testing.T, s fixture) {
		afterReading(t, s.Store, "members", func() { // it has compared the password, and looks for the workspace to show
			if err := s.ChangePassword(s.ctx, s.id, s.admin.UserID, "", modelstest.Password, next); err != nil {
				t.Error(err)
			}
		})
		_, err := s.SignIn(s.ctx, "", ada)
		wantKind(t, err, models.Invalid)
		wantCount(t, s.Store, "sessions", 0)
		wantCount(t, s.Store, "known_devices", 0)
	})
}
