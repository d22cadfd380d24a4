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

// TestFailedSignInsAreCounted attempts to sign in to a known and an unknown account.
func TestFailedSignInsAreCounted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		before := len(eventsOf(t, s, s.admin.UserID))
		ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Name: "Unknown", Address: "198.51.100.9", UserAgent: "bad\xff\x00agent"})
		for _, email := range []string{"ada@acme.test", "my password by mistake", "ada@acme.test", "my password by mistake"} {
			if _, err := s.SignIn(ctx, "", models.Credentials{Email: email, Password: "wrong"}); err == nil {
				t.Errorf("SignIn as %s succeeded with a wrong password", email)
			}
		}
		failed := s.failedSignIns(t, s.id)
		if len(failed) != 1 {
			t.Fatalf("failed sign-ins = %+v, want 1", failed)
		}
		modelstest.Equal(t, "attempts", failed[0].Attempts, int64(2))
		modelstest.Equal(t, "network", failed[0].Network, "198.51.100.0/24")
		modelstest.Equal(t, "address", failed[0].Address, "198.51.100.9")
		modelstest.Equal(t, "user agent", failed[0].UserAgent, "bad��agent")
		modelstest.Equal(t, "member", failed[0].Member.ID, s.admin.ID)
		modelstest.Equal(t, "audit events", len(eventsOf(t, s, s.admin.UserID)), before)
		dump := s.Dump(t)
		if strings.Contains(dump, "my password by mistake") {
			t.Error("a password entered as the email is stored")
		}
		modelstest.Equal(t, "rows with the address", strings.Count(dump, "address=198.51.100.9"), 1)
	})
}

func (s fixture) failedSignIns(t *testing.T, workspaceID string) []models.FailedSignIn {
	t.Helper()
	failed, err := s.FailedSignIns(t.Context(), workspaceID, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatal(err)
	}
	return failed.Items
}

// TestFailedSignInsAreBoundedAndPurged makes thousands of attempts from many networks within an hour,
// most of which the limits reject, and purges them later.
func TestFailedSignInsAreBoundedAndPurged(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		const attempts = 1000
		for n := range attempts {
			email := "ada@acme.test"
			if n%2 == 1 {
				email = fmt.Sprint("unknown", n, "@acme.test")
			}
			address := fmt.Sprintf("198.%d.%d.9", n/200, n%200)
			ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorAnonymous, Name: "Unknown", Address: address})
			_, _ = s.SignIn(ctx, "", models.Credentials{Email: email, Password: "wrong"})
		}
		var rows int64
		if err := s.DB().Model(&models.FailedSignIn{}).Count(&rows).Error; err != nil {
			t.Fatal(err)
		}
		if rows < 100 || rows > 102 { // the free attempts for the account, and one row for unknown accounts
			t.Errorf("rows = %d, want about 101", rows)
		}
		s.Clock.Advance(s.FailedSignInsKept())
		if err := s.PurgeExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "failed_sign_ins", 0)
		verified, err := s.VerifyAudit(t.Context(), "", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "audit log is intact", verified.Intact(), true)
	})
}

// TestEveryWorkspaceSeesTheAccount checks that sign-ins, sign-outs, and changes of the password are in the
// audit log of each workspace of a person, and failed sign-ins on the page of each.
func TestEveryWorkspaceSeesTheAccount(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other, _ := s.NewWorkspace(t, "Beta", "ada@acme.test")
		if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: ada.Email, Password: "wrong"}); err == nil {
			t.Fatal("SignIn succeeded with a wrong password")
		}
		in := signIn(t, s, ada)
		const next = "another long enough passphrase"
		for _, err := range []error{
			s.changePassword(in.SessionID, ada.Password, next),
			s.SignOut(s.ctx, in.SessionID, in.User), s.SignOutEverywhere(s.ctx, in.User),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, workspaceID := range []string{s.id, other.ID} {
			events, err := s.AuditEventsOf(t.Context(), workspaceID, s.admin.UserID, 100)
			if err != nil {
				t.Fatal(err)
			}
			var actions []string
			for _, event := range events {
				actions = append(actions, event.Action)
				member, err := s.Member(t.Context(), workspaceID, *event.ActorID)
				if err != nil || member.UserID != s.admin.UserID {
					t.Errorf("%s: actor = %v, %v, want the membership in this workspace", event.Action, event.ActorID, err)
				}
			}
			want := []string{"user.signed_out_everywhere", "user.signed_out", "user.password_changed", "user.signed_in"}
			if diff := cmp.Diff(want, actions); diff != "" {
				t.Errorf("events in %s (-want +got):\n%s", workspaceID, diff)
			}
			modelstest.Equal(t, "failed sign-ins", len(s.failedSignIns(t, workspaceID)), 1)
		}
	})
}

// changePassword changes the password of the admin.
func (s fixture) changePassword(session, current, next string) error {
	_, err := s.ChangePassword(s.ctx, s.admin.UserID, session, current, next)
	return err
}

func TestChangePassword(t *testing.T) {
	const next = "another long enough passphrase"
	eachDatabase(t, func(t *testing.T, s fixture) {
		this, other := signIn(t, s, ada), signIn(t, s, ada)
		renewed, err := s.ChangePassword(s.ctx, s.admin.UserID, this.SessionID, modelstest.Password, next)
		if err != nil {
			t.Fatal(err)
		}
		wantEvent(t, s, s.admin.UserID, "user.password_changed")
		wantLiving(t, s, renewed)
		wantOver(t, s, this.SessionID, other.SessionID)
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
				err := s.changePassword(this.SessionID, tt.present, tt.next)
				s.Exec(t, "DELETE FROM sign_in_throttles WHERE subject LIKE 'password:%'") // a wrong one is counted
				if wantFields(t, err, tt.fields...); t.Failed() {
					t.Fatal(tt.name)
				}
			})
		}
		_, err := s.ChangePassword(s.ctx, "usr_nope", this.SessionID, modelstest.Password, "another long enough passphrase")
		wantKind(t, err, models.NotFound)
	})
}

func TestConcurrentPasswordChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		present := modelstest.Password
		for i := range 10 {
			next := []string{fmt.Sprint("the passphrase of the owner ", i), fmt.Sprint("the passphrase of the thief ", i)}
			errs := atOnce(2, func(i int) error {
				return s.changePassword("", present, next[i])
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
			return s.changePassword("", present, next)
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
			if err := s.changePassword("", modelstest.Password, next); err != nil {
				t.Error(err)
			}
		})
		_, err := s.SignIn(s.ctx, "", ada)
		wantKind(t, err, models.Invalid)
		wantCount(t, s.Store, "sessions", 0)
		wantCount(t, s.Store, "known_devices", 0)
	})
}
