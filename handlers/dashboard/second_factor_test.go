package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

var adaSignsIn = url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}, "next": {"/settings/members"}}

// TestStolenPasswordIsNotEnough checks that someone who knows the password sees no page until they enter a
// code, and that both pages lead to the one that was asked for.
func TestStolenPasswordIsNotEnough(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		app := s.AddSecondFactor(t, s.Admin.UserID)
		const asked = "/login/code?next=%2Fsettings%2Fmembers"
		b := s.Browser(t)
		b.Post("/login", adaSignsIn).WantRedirect(t, asked)
		in := path.Workspace(s.Workspace.ID)
		for _, page := range []string{in.Members(), path.Account, path.SecondFactor, path.RecoveryCodes, in.APIKeys()} {
			b.Get(page).WantRedirect(t, path.SignInAnd(page))
		}
		b.Get(asked).Want(t, http.StatusOK, `value="/settings/members"`)
		enter := func(code string) handlerstest.Response {
			return b.Post("/login/code", url.Values{"code": {code}, "next": {"/settings/members"}})
		}
		wrong := enter("000000")
		wrong.Want(t, http.StatusUnprocessableEntity, "This code is incorrect or was already used", `value="/settings/members"`)
		b.Get(in.Members()).WantRedirect(t, path.SignInAnd(in.Members()))
		enter(app.Code(t)).WantRedirect(t, "/login?next=%2Fsettings%2Fmembers&signed_in=true")
		b.Get("/settings/members").Want(t, http.StatusOK, handlerstest.AdminEmail)

		replay := s.Browser(t)
		replay.Post("/login", adaSignsIn).WantRedirect(t, asked)
		form := url.Values{"code": {app.Code(t)}, "next": {"//evil.test"}}
		replay.Post("/login/code", form).Want(t, http.StatusUnprocessableEntity, "This code is incorrect or was already used", `value="/"`)
		s.Clock.Advance(10 * time.Minute)
		replay.Post("/login/code", url.Values{"code": {app.Code(t)}}).WantRedirect(t, "/login?next=%2F&signed_out=code")
		s.Browser(t).Get("/login/code").WantRedirect(t, "/login?next=%2F&signed_out=code")
	})
}

// TestSetUpOnPages sets up a second factor, replaces the recovery codes, and has them removed by an admin.
func TestSetUpOnPages(t *testing.T) {
	s := handlerstest.New(t)
	member := s.AddMember(t, s.Workspace, "grace@acme.test")
	b := s.SignedIn(t, "grace@acme.test")
	page := b.Get("/settings/account/second-factor")
	page.Want(t, http.StatusOK, `src="data:image/png;base64,`)
	app := modelstest.Authenticator{Secret: strings.ReplaceAll(document(t, page).Find("#setup-key").Text(), " ", "")}
	sealed := document(t, page).Find("input[name=setup]").AttrOr("value", "")
	rejected := b.Post("/settings/account/second-factor", url.Values{"setup": {sealed}, "code": {"000000"}})
	rejected.Want(t, http.StatusUnprocessableEntity, "This code is incorrect", sealed)
	created := b.Post("/settings/account/second-factor", url.Values{"setup": {sealed}, "code": {app.CodeAt(t, s.Clock.Now())}})
	created.Want(t, http.StatusCreated, "Second factor set up")
	if codes := strings.Fields(document(t, created).Find("#codes").Text()); len(codes) != 10 {
		t.Errorf("recovery codes = %q, want 10", codes)
	}
	b.Get("/settings/account").Want(t, http.StatusOK, "10 recovery codes left")
	b.Post("/settings/account/recovery-codes", nil).Want(t, http.StatusCreated, "New recovery codes")
	if log := s.Log.String(); strings.Contains(log, app.Secret) || strings.Contains(log, sealed) {
		t.Error("the log contains the secret of the app")
	}

	admin := s.SignedIn(t, handlerstest.AdminEmail)
	admin.Get("/settings/members/"+member.ID).Want(t, http.StatusOK, "Remove second factor")
	admin.Post("/settings/members/"+member.ID+"/second-factor", nil).WantRedirect(t, "/settings/members")
	b.Get("/settings/account").Want(t, http.StatusOK, "Not set up.")
	s.SignedIn(t, "grace@acme.test").Get("/settings/account").Want(t, http.StatusOK, "grace@acme.test")
}

// TestWorkspaceRequiresSecondFactor checks that members without a second factor can only set one up.
func TestWorkspaceRequiresSecondFactor(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		other, _ := s.NewWorkspace(t, "Globex", handlerstest.AdminEmail)
		key := s.NamedKey(t, s.Workspace.ID, "CI")
		b := s.SignedIn(t, handlerstest.AdminEmail)
		policy := url.Values{"lifetime": {"any"}, "review_unused_days": {"30"}, "review_idle_days": {"90"}, "review_old_days": {"365"}, "second_factor_required": {"true"}}
		b.Post("/settings/policy", policy).WantRedirect(t, "/settings/policy")
		const setup = "/settings/account/second-factor"
		for _, page := range []string{"/settings/api-keys", "/settings/members", "/settings/policy", "/search", "/settings/audit-log/events.csv"} {
			b.Get(page).WantRedirect(t, setup)
		}
		b.Post("/settings/api-keys/"+key.ID+"/delete", nil).WantRedirect(t, setup)
		b.Post("/settings/policy", url.Values{}).WantRedirect(t, setup)
		b.Get(setup).Want(t, http.StatusOK, "Acme</bdi> requires a second factor.")
		for _, page := range []string{"/settings/account", "/docs"} {
			b.Get(page).Want(t, http.StatusOK)
		}
		b.Get(path.Workspace(other.ID).APIKeys()).Want(t, http.StatusOK)
		b.Get("/settings/api-keys").WantRedirect(t, setup)
		s.AddSecondFactor(t, s.Admin.UserID)
		b.Get("/settings/api-keys").Want(t, http.StatusOK, "CI")
		b.Get(setup+"/remove").Want(t, http.StatusOK, "Acme</bdi> requires a second factor.")
	})
}
