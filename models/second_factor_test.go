package models_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
)

// pending enters Ada's password and returns the ID of the sign-in that waits for a code.
func pending(t *testing.T, s fixture, ctx context.Context, device string) string {
	t.Helper()
	in, err := s.SignIn(ctx, "", models.Credentials{Email: ada.Email, Password: ada.Password, Device: device})
	if err != nil {
		t.Fatal(err)
	}
	if in.SessionID+in.Device+in.WorkspaceID != "" {
		t.Fatalf("sign-in with the password only = %+v, want no session", in)
	}
	return in.PendingID
}

func TestSignInWithCode(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		app := s.AddSecondFactor(t, s.admin.UserID)
		s.wantAccountEmail(t, models.SecondFactorAddedEmail, ada.Email)
		wantCount(t, s.Store, "sessions", 0)
		id := pending(t, s, s.ctx, "")
		wantCount(t, s.Store, "sessions", 0)

		code := app.Code(t)
		in, err := s.SignInWithCode(s.ctx, "", id, "", " "+code[:3]+" "+code[3:])
		if err != nil {
			t.Fatal(err)
		}
		wantLiving(t, s, in.SessionID)
		modelstest.Equal(t, "workspace", in.WorkspaceID, s.id)
		_, err = s.SignInWithCode(s.ctx, "", id, "", app.Code(t))
		wantKind(t, err, models.NotFound) // a pending sign-in works once

		replayed := func(code string) {
			t.Helper()
			_, err := s.SignInWithCode(s.ctx, "", pending(t, s, s.ctx, in.Device), in.Device, code)
			wantFields(t, err, "code")
		}
		replayed(code)
		s.Clock.Advance(30 * time.Second) // the code is still within the tolerance
		replayed(code)
		if _, err := s.SignInWithCode(s.ctx, "", pending(t, s, s.ctx, in.Device), in.Device, app.Code(t)); err != nil {
			t.Errorf("sign in with the next code: %v", err)
		}
		wantEvents(t, s, s.id, s.admin.UserID, "user.signed_in", 2)
	})
}

// TestCodeTolerance checks that the clock of a phone may be off by 30 seconds, but not by more.
func TestCodeTolerance(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		app := s.AddSecondFactor(t, s.admin.UserID)
		for _, tt := range []struct {
			late     time.Duration
			accepted bool
		}{{-60 * time.Second, false}, {-30 * time.Second, true}, {30 * time.Second, true}, {60 * time.Second, false}} {
			s.Clock.Advance(5 * time.Minute)
			id := pending(t, s, s.ctx, "")
			s.Clock.Advance(-tt.late)
			code := app.Code(t)
			s.Clock.Advance(tt.late)
			_, err := s.SignInWithCode(s.ctx, "", id, "", code)
			if (err == nil) != tt.accepted {
				t.Errorf("code that is %v old: error = %v, want accepted = %t", tt.late, err, tt.accepted)
			}
		}
	})
}

func TestRecoveryCodes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.EnableEmail()
		app := s.AddSecondFactor(t, s.admin.UserID)
		s.wantAccountEmail(t, models.SecondFactorAddedEmail, ada.Email)
		modelstest.Equal(t, "codes", len(app.Recovery), 10)
		wantLeft := func(want int64) {
			t.Helper()
			state, err := s.SecondFactorOf(t.Context(), s.admin.UserID)
			if err != nil || state.RecoveryCodes != want {
				t.Errorf("recovery codes left = %d, error = %v; want %d", state.RecoveryCodes, err, want)
			}
			modelstest.Equal(t, "few", state.FewRecoveryCodes(), want <= 3)
		}
		device := "" // a known one causes no other emails, which are limited
		use := func(code token.Secret) error {
			text := strings.ToLower(strings.ReplaceAll(code.Reveal(), "-", " "))
			in, err := s.SignInWithCode(s.ctx, "", pending(t, s, s.ctx, ""), device, text)
			if err == nil {
				device = in.Device
			}
			return err
		}
		for i := range 7 {
			wantLeft(int64(10 - i))
			if err := use(app.Recovery[i]); err != nil {
				t.Fatal(err)
			}
			s.wantAccountEmail(t, models.RecoveryCodeUsedEmail, ada.Email)
			wantFields(t, use(app.Recovery[i]), "code")
		}
		wantLeft(3)
		next, err := s.ReplaceRecoveryCodes(s.ctx, s.admin.UserID)
		if err != nil {
			t.Fatal(err)
		}
		s.wantAccountEmail(t, models.RecoveryCodesEmail, ada.Email)
		wantLeft(10)
		wantFields(t, use(app.Recovery[9]), "code")
		if err := use(next[0]); err != nil {
			t.Errorf("use a new code: %v", err)
		}
		if strings.Contains(s.Dump(t), strings.ReplaceAll(next[1].Reveal(), "-", "")) {
			t.Error("the database contains a recovery code")
		}
	})
}

// TestCodeIsUsedOnce enters one code in several browsers at the same time.
func TestCodeIsUsedOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		app := s.AddSecondFactor(t, s.admin.UserID)
		for what, code := range map[string]string{"app": app.Code(t), "recovery": app.Recovery[0].Reveal()} {
			var ids []string
			for range 3 {
				ids = append(ids, pending(t, s, s.ctx, ""))
			}
			errs := atOnce(len(ids), func(i int) error {
				_, err := s.SignInWithCode(t.Context(), "", ids[i], "", code)
				return err
			})
			t.Log("code:", what)
			wantOneWinner(t, errs, func(err error) bool { return models.IsKind(err, models.Invalid) })
		}
	})
}

// TestCodesAreRateLimited checks that someone who knows the password can't try many codes, nor keep the owner
// out of a known device.
func TestCodesAreRateLimited(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		app := s.AddSecondFactor(t, s.admin.UserID)
		in, err := s.SignInWithCode(s.ctx, "", pending(t, s, s.ctx, ""), "", app.Code(t))
		if err != nil {
			t.Fatal(err)
		}
		guesses := 0
		guess := func(address string) time.Duration {
			guesses++
			_, err := s.SignInWithCode(from(t, address), "", pending(t, s, from(t, address), ""), "", "000000")
			if limited, is := err.(*models.Error); is && limited.Kind == models.RateLimited {
				return limited.RetryAfter
			}
			wantFields(t, err, "code")
			return 0
		}
		got := waits(t, s, 8, func(int) time.Duration { return guess("198.51.100.7") })
		if diff := cmp.Diff(seconds(0, 0, 0, 0, 0, 1, 2, 4), got); diff != "" {
			t.Errorf("waits in one network (-want +got):\n%s", diff)
		}
		for i := range 13 { // from other networks, for the limit of the account
			guess("198.51." + string(rune('0'+i%10)) + ".8")
		}
		if wait := guess("203.0.113.9"); wait == 0 {
			t.Error("another network may guess on")
		}
		s.Clock.Advance(30 * time.Second)
		if _, err := s.SignInWithCode(s.ctx, "", pending(t, s, s.ctx, in.Device), in.Device, app.Code(t)); err != nil {
			t.Errorf("sign in from a known device: %v", err)
		}
		if _, err := s.UnlockUser(s.ctx, ada.Email); err != nil {
			t.Fatal(err)
		}
		if wait := guess("203.0.113.9"); wait > 0 {
			t.Errorf("wait after unlocking = %v, want 0", wait)
		}
		failed, err := s.FailedSignIns(s.ctx, s.id, models.Page{Limit: 50})
		if err != nil || len(failed.Items) == 0 {
			t.Errorf("failed sign-ins = %d, error = %v; want some", len(failed.Items), err)
		}
	})
}

// TestResetDoesNotBypassSecondFactor checks that someone who reads a person's email can't sign in, and that a
// reset ends the sign-ins that wait for a code.
func TestResetDoesNotBypassSecondFactor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		app := s.AddSecondFactor(t, s.admin.UserID)
		before := pending(t, s, s.ctx, "")
		link, err := s.CreateResetLinkAsOperator(s.ctx, ada.Email)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ResetPassword(s.ctx, link.Token, newPassword); err != nil {
			t.Fatal(err)
		}
		_, err = s.SignInWithCode(s.ctx, "", before, "", app.Code(t))
		wantKind(t, err, models.NotFound)
		in, err := s.SignIn(s.ctx, "", models.Credentials{Email: ada.Email, Password: newPassword})
		if err != nil || in.SessionID != "" {
			t.Fatalf("sign-in = %+v, error = %v; want it to wait for a code", in, err)
		}
		s.Clock.Advance(models.PendingSignInLife)
		_, err = s.SignInWithCode(s.ctx, "", in.PendingID, "", app.Code(t))
		wantKind(t, err, models.NotFound)
		if err := s.PurgeExpired(s.ctx); err != nil {
			t.Fatal(err)
		}
		wantCount(t, s.Store, "pending_sign_ins", 0)
	})
}

func TestSetUpSecondFactor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		user := &s.admin.User
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		setup, err := s.NewSecondFactorSetup(user)
		if err != nil {
			t.Fatal(err)
		}
		app := func(setup *models.SecondFactorSetup) string {
			a := modelstest.Authenticator{Secret: setup.Secret.Reveal()}
			return a.CodeAt(t, s.Clock.Now())
		}
		wantUnchanged(t, s.Store, func() {
			_, err := s.SetSecondFactor(s.ctx, user.ID, setup.Sealed, "000000")
			wantFields(t, err, "code")
			_, err = s.SetSecondFactor(s.ctx, grace.UserID, setup.Sealed, app(setup)) // of someone else
			wantKind(t, err, models.FailedPrecondition)
			s.Clock.Advance(models.SetupLife)
			_, err = s.SetSecondFactor(s.ctx, user.ID, setup.Sealed, app(setup))
			wantKind(t, err, models.FailedPrecondition)
		})
		first := s.AddSecondFactor(t, user.ID)
		second := s.AddSecondFactor(t, user.ID) // replaces it
		if len(second.Recovery) > 0 {
			t.Error("replacing the app replaced the recovery codes")
		}
		id := pending(t, s, s.ctx, "")
		_, err = s.SignInWithCode(s.ctx, "", id, "", first.Code(t))
		wantFields(t, err, "code")
		if _, err = s.SignInWithCode(s.ctx, "", id, "", second.Code(t)); err != nil {
			t.Errorf("sign in with the new app: %v", err)
		}
		dump := s.Dump(t)
		for _, a := range []*modelstest.Authenticator{first, second} {
			if strings.Contains(dump, a.Secret) {
				t.Error("the database contains the secret of an app")
			}
		}
		without, err := models.Open(s.URL, models.Options{Clock: s.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = without.Close() })
		_, err = without.NewSecondFactorSetup(user)
		wantKind(t, err, models.FailedPrecondition)
		unreadable, err := without.UnreadableSecrets(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(models.UnreadableSecrets{Users: []string{user.ID}, LostKey: true}, unreadable); diff != "" {
			t.Errorf("unreadable (-want +got):\n%s", diff)
		}
	})
}

func TestRemoveSecondFactor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		henry := s.joined(t, "henry@acme.test", models.Viewer)
		rival.alsoIn(t, rival.id, henry, models.Viewer)
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		s.EnableEmail()
		s.AddSecondFactor(t, grace.UserID)
		s.wantAccountEmail(t, models.SecondFactorAddedEmail, "grace@acme.test")
		may := func(member *models.Member) bool {
			may, err := s.MayRemoveSecondFactor(s.ctx, s.admin.UserID, member)
			if err != nil {
				t.Fatal(err)
			}
			return may
		}
		modelstest.Equal(t, "may remove", may(grace), true)
		if _, err := s.RemoveSecondFactorOfMember(s.ctx, s.admin.UserID, s.id, grace.ID); err != nil {
			t.Fatal(err)
		}
		s.wantAccountEmail(t, models.SecondFactorRemovedEmail, "grace@acme.test")
		wantEvents(t, s, s.id, grace.UserID, "user.second_factor_removed", 1)
		wantCount(t, s.Store, "recovery_codes", 0)
		modelstest.Equal(t, "may remove again", may(grace), false)
		if graceSignsIn(t, s).SessionID == "" {
			t.Error("the password alone isn't enough after the removal")
		}

		s.AddSecondFactor(t, henry.UserID)
		s.wantAccountEmail(t, models.SecondFactorAddedEmail, "henry@acme.test")
		wantUnchanged(t, s.Store, func() {
			_, err := s.RemoveSecondFactorOfMember(s.ctx, s.admin.UserID, s.id, henry.ID)
			wantKind(t, err, models.Forbidden)
			_, err = s.RemoveSecondFactorOfMember(s.ctx, s.admin.UserID, s.id, s.admin.ID)
			wantKind(t, err, models.FailedPrecondition)
			_, err = s.RemoveSecondFactorAsOperator(s.ctx, ada.Email)
			wantKind(t, err, models.FailedPrecondition)
		})
		modelstest.Equal(t, "may remove in two workspaces", may(henry), false)
		if _, err := s.RemoveSecondFactorAsOperator(s.ctx, "henry@acme.test"); err != nil {
			t.Fatal(err)
		}
		s.wantAccountEmail(t, models.SecondFactorRemovedEmail, "henry@acme.test")
		for _, id := range []string{s.id, rival.id} {
			wantEvents(t, s, id, henry.UserID, "user.second_factor_removed", 1)
		}
	})
}
