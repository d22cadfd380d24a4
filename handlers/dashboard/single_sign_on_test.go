package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

const (
	withAcmeID = "/login/sso?next=%2Fsettings%2Fmembers"
	signedIn   = "/login?next=%2Fsettings%2Fmembers&signed_in=true"
)

// withProvider starts a server with single sign-on.
func withProvider(t *testing.T) (*handlerstest.Server, *handlerstest.Provider) {
	t.Helper()
	provider := handlerstest.NewProvider(t)
	return handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Provider: provider}), provider
}

func pendingMember(t *testing.T, s *handlerstest.Server, email string) *models.Member {
	t.Helper()
	member, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: email})
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// TestSingleSignOn invites a person, who joins with the provider, and signs in again after their email has changed
// there.
func TestSingleSignOn(t *testing.T) {
	s, provider := withProvider(t)
	pendingMember(t, s, "grace@acme.test")
	grace := handlerstest.Person("248289761001", "Grace@acme.test")
	b := s.Browser(t)
	b.Get("/login?next=/settings/members").Want(t, http.StatusOK, "Continue with <bdi>Acme ID</bdi>", `href="/login/sso?next=%2Fsettings%2Fmembers"`)
	b.Get(provider.Visit(b, withAcmeID, grace)).WantRedirect(t, signedIn)
	b.Get("/settings/members").Want(t, http.StatusOK, "Grace Hopper")
	b.Get("/settings/account").Want(t, http.StatusOK, "grace@acme.test", "single sign-on")

	moved := s.Browser(t)
	moved.Get(provider.Visit(moved, withAcmeID, grace.With(handlerstest.Claims{"email": handlerstest.AdminEmail, "email_verified": false}))).WantRedirect(t, signedIn)
	moved.Get("/settings/account").Want(t, http.StatusOK, "grace@acme.test")

	admin := s.SignedIn(t, handlerstest.AdminEmail)
	admin.Get("/settings/audit-log").Want(t, http.StatusOK, "single sign-on", "accepted their invitation")
}

// TestSingleSignOnRejects checks that no one gets in with a token that isn't for this sign-in, or without being known
// here, and that the response doesn't depend on who else is, unless the provider has verified that the email is theirs.
func TestSingleSignOnRejects(t *testing.T) {
	const unknown, invalid = "There’s no invitation or account for you here.", "The response of Acme ID isn’t valid."
	s, provider := withProvider(t)
	pendingMember(t, s, "grace@acme.test")
	known := s.Browser(t)
	known.Get(provider.Visit(known, withAcmeID, handlerstest.Person("ada", handlerstest.AdminEmail))).WantRedirect(t, signedIn)
	deactivated := pendingMember(t, s, "gone@acme.test")
	if _, err := s.DeactivateMember(t.Context(), s.Workspace.ID, deactivated.ID); err != nil {
		t.Fatal(err)
	}
	grace := handlerstest.Person("grace", "grace@acme.test")
	for _, tt := range []struct {
		name string
		who  handlerstest.Claims
		says string
	}{
		{"wrong nonce", grace.With(handlerstest.Claims{"nonce": "another"}), invalid},
		{"no nonce", grace.With(handlerstest.Claims{"nonce": ""}), invalid},
		{"wrong audience", grace.With(handlerstest.Claims{"aud": "another"}), invalid},
		{"authorized for another client", grace.With(handlerstest.Claims{"azp": "another"}), invalid},
		{"wrong issuer", grace.With(handlerstest.Claims{"iss": "https://evil.test"}), invalid},
		{"expired", grace.With(handlerstest.Claims{"exp": time.Now().Add(-time.Hour).Unix()}), invalid},
		{"unverified email", grace.With(handlerstest.Claims{"email_verified": false}), "hasn’t verified your email"},
		{"unverified email of an account", handlerstest.Person("eve", handlerstest.AdminEmail).With(handlerstest.Claims{"email_verified": false}), "hasn’t verified your email"},
		{"no email", grace.With(handlerstest.Claims{"email": ""}), "hasn’t verified your email"},
		{"unknown email", handlerstest.Person("eve", "eve@acme.test"), unknown},
		{"email that now belongs to someone else", handlerstest.Person("eve", handlerstest.AdminEmail), "linked to another account at your sign-in provider"},
		{"deactivated before they joined", handlerstest.Person("gone", "gone@acme.test"), unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := s.Browser(t)
			rejected := b.Get(provider.Visit(b, withAcmeID, tt.who))
			rejected.Want(t, http.StatusForbidden, tt.says, "Continue with")
			b.Get("/settings/members").WantRedirect(t, path.SignInAnd(path.Workspace(s.Workspace.ID).Members()))
		})
	}
	b := s.Browser(t)
	b.Get(provider.Visit(b, withAcmeID, grace)).WantRedirect(t, signedIn) // the invitation still works
}

// TestResetSingleSignOn signs in someone whose account at the provider was deleted and created again.
func TestResetSingleSignOn(t *testing.T) {
	s, provider := withProvider(t)
	before, after := s.Browser(t), s.Browser(t)
	before.Get(provider.Visit(before, withAcmeID, handlerstest.Person("ada", handlerstest.AdminEmail))).WantRedirect(t, signedIn)
	recreated := handlerstest.Person("ada again", handlerstest.AdminEmail)
	after.Get(provider.Visit(after, withAcmeID, recreated)).Want(t, http.StatusForbidden, "Ask the operator of this server to reset the link.")
	if _, err := s.Store.ResetSingleSignOn(t.Context(), handlerstest.AdminEmail); err != nil {
		t.Fatal(err)
	}
	members := path.Workspace(s.Workspace.ID).Members()
	before.Get(members).WantRedirect(t, path.SignInAnd(members))
	after.Get(provider.Visit(after, withAcmeID, recreated)).WantRedirect(t, signedIn)
	after.Get("/settings/audit-log").Want(t, http.StatusOK, "unlinked", "from the sign-in provider")
	after.Get("/settings/notifications").Want(t, http.StatusOK, "Your account was unlinked from your sign-in provider")
}

// TestEmailClaim checks that only the claim in the settings says whether an email is verified.
func TestEmailClaim(t *testing.T) {
	provider := handlerstest.NewProvider(t)
	provider.EmailClaim = "xms_edov"
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Provider: provider})
	ada := handlerstest.Person("ada", handlerstest.AdminEmail)
	for _, claim := range []any{nil, false, "0", ""} {
		b := s.Browser(t)
		b.Get(provider.Visit(b, withAcmeID, ada.With(handlerstest.Claims{"xms_edov": claim}))).Want(t, http.StatusForbidden, "hasn’t verified your email")
	}
	for _, claim := range []any{true, "true", "1"} {
		b := s.Browser(t)
		b.Get(provider.Visit(b, withAcmeID, ada.With(handlerstest.Claims{"xms_edov": claim}))).WantRedirect(t, signedIn)
		if _, err := s.Store.ResetSingleSignOn(t.Context(), handlerstest.AdminEmail); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSingleSignOnWorksOnce checks that the state and the code work once, only in the browser that asked for them, and
// for ten minutes.
func TestSingleSignOnWorksOnce(t *testing.T) {
	const again = "This sign-in has expired, was already completed, or began in another browser."
	s, provider := withProvider(t)
	ada := handlerstest.Person("ada", handlerstest.AdminEmail)
	b, other := s.Browser(t), s.Browser(t)
	back := provider.Visit(b, withAcmeID, ada)
	other.Get(back).Want(t, http.StatusForbidden, again)
	provider.Visit(other, withAcmeID, ada)
	other.Get(back).Want(t, http.StatusForbidden, again) // with a round trip of its own

	server, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := b.Client.Jar.Cookies(server)
	b.Get(back).WantRedirect(t, signedIn)
	b.Get(back).Want(t, http.StatusForbidden, again)
	thief := s.Browser(t)
	thief.Client.Jar.SetCookies(server, cookies)
	thief.Get(back).Want(t, http.StatusForbidden, again)

	code := s.Browser(t)
	used := provider.Visit(code, withAcmeID, ada)
	fresh := provider.Visit(code, withAcmeID, ada)
	replaced, err := url.Parse(fresh)
	if err != nil {
		t.Fatal(err)
	}
	query := replaced.Query()
	query.Set("code", valueOf(t, used, "code"))
	code.Get(replaced.Path+"?"+query.Encode()).Want(t, http.StatusForbidden, "isn’t valid") // PKCE: it is for the earlier challenge

	late := s.Browser(t)
	back = provider.Visit(late, withAcmeID, ada)
	s.Clock.Advance(models.RoundTripLife)
	late.Get(back).Want(t, http.StatusForbidden, again)

	canceled := s.Browser(t)
	back = provider.Visit(canceled, withAcmeID, ada)
	canceled.Get("/login/sso/return?error=access_denied&state="+valueOf(t, back, "state")).Want(t, http.StatusForbidden, "or you canceled")
	if log := s.Log.String(); strings.Contains(log, valueOf(t, back, "code")) || strings.Contains(log, valueOf(t, back, "state")) {
		t.Error("the log contains a code or a state")
	}
}

// valueOf returns a parameter of a URL.
func valueOf(t *testing.T, rawURL, name string) string {
	t.Helper()
	parsed, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query().Get(name)
}

// TestProviderIsDown checks that people learn what to do while the provider is down, and that the server recovers.
func TestProviderIsDown(t *testing.T) {
	s, provider := withProvider(t)
	if err := provider.Shutdown(); err != nil {
		t.Fatal(err)
	}
	b := s.Browser(t)
	b.Get("/login").Want(t, http.StatusOK, "Continue with <bdi>Acme ID</bdi>")
	b.Get(withAcmeID).Want(t, http.StatusServiceUnavailable, "Acme ID can’t be reached.", "sign in with your password")
	b.Post("/login/sso/logout", url.Values{"logout_token": {"x"}}).Want(t, http.StatusServiceUnavailable)
	s.SignedIn(t, handlerstest.AdminEmail).Get("/settings/members").Want(t, http.StatusOK)
}

// TestSecondFactorAfterSingleSignOn checks that people with a second factor enter a code, unless the provider asked for
// a second factor itself.
func TestSecondFactorAfterSingleSignOn(t *testing.T) {
	s, provider := withProvider(t)
	app := s.AddSecondFactor(t, s.Admin.UserID)
	ada := handlerstest.Person("ada", handlerstest.AdminEmail)
	b := s.Browser(t)
	b.Get(provider.Visit(b, withAcmeID, ada)).WantRedirect(t, "/login/code?next=%2Fsettings%2Fmembers")
	b.Get("/settings/members").WantRedirect(t, path.SignInAnd(path.Workspace(s.Workspace.ID).Members()))
	b.Post("/login/code", url.Values{"code": {app.Code(t)}, "next": {"/settings/members"}}).WantRedirect(t, signedIn)
	b.Get("/settings/account").Want(t, http.StatusOK, "single sign-on")
	strong := s.Browser(t)
	strong.Get(provider.Visit(strong, withAcmeID, ada.With(handlerstest.Claims{"amr": []string{"pwd", "mfa"}}))).WantRedirect(t, signedIn)
}

// TestBackChannelLogout ends the sessions of a person at the provider's request.
func TestBackChannelLogout(t *testing.T) {
	s, provider := withProvider(t)
	ada := handlerstest.Person("ada", handlerstest.AdminEmail)
	signIn := func(session string) *handlerstest.Browser {
		b := s.Browser(t)
		b.Get(provider.Visit(b, withAcmeID, ada.With(handlerstest.Claims{"sid": session}))).WantRedirect(t, signedIn)
		return b
	}
	one, two, password := signIn("1"), signIn("2"), s.SignedIn(t, handlerstest.AdminEmail)
	wantIn := func(name string, b *handlerstest.Browser, in bool) {
		t.Helper()
		if status := b.Get("/settings/members").Status; (status == http.StatusOK) != in {
			t.Errorf("%s: status = %d, want signed in = %t", name, status, in)
		}
	}
	valid := handlerstest.Claims{
		"iss": provider.Issuer(), "aud": provider.ClientID, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": "1", "sid": "1",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	send := func(claims handlerstest.Claims) handlerstest.Response {
		request := s.Request(t, http.MethodPost, "/login/sso/logout", url.Values{"logout_token": {provider.Sign(t, claims)}}.Encode())
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return handlerstest.Send(t, http.DefaultClient, request)
	}
	for name, change := range map[string]handlerstest.Claims{
		"wrong issuer":   {"iss": "https://evil.test"},
		"wrong audience": {"aud": "another"},
		"expired":        {"exp": time.Now().Add(-time.Minute).Unix()},
		"old":            {"iat": time.Now().Add(-time.Hour).Unix()},
		"not yet issued": {"iat": time.Now().Add(time.Hour).Unix()},
		"with a nonce":   {"nonce": "x"},
		"without events": {"events": map[string]any{}},
		"without an ID":  {"jti": ""},
		"for no one":     {"sid": "", "sub": ""},
	} {
		if status := send(valid.With(change)).Status; status != http.StatusBadRequest {
			t.Errorf("%s: status = %d, want 400", name, status)
		}
	}
	wantIn("session 1 after invalid tokens", one, true)

	send(valid).Want(t, http.StatusOK)
	wantIn("session 1", one, false)
	wantIn("session 2", two, true)
	one = signIn("1")
	replayed := send(valid)
	replayed.Want(t, http.StatusBadRequest, "was used before")
	replayed.WantHeader(t, "Cache-Control", "no-store")
	wantIn("session 1 after a replay", one, true)

	send(valid.With(handlerstest.Claims{"jti": "2", "sid": "", "sub": "someone else"})).Want(t, http.StatusOK)
	wantIn("session 2 of another person", two, true)
	send(valid.With(handlerstest.Claims{"jti": "3", "sid": "", "sub": "ada"})).Want(t, http.StatusOK)
	wantIn("session 1 of the person", one, false)
	wantIn("session 2 of the person", two, false)
	wantIn("session with a password", password, true)
	password.Get("/settings/audit-log").Want(t, http.StatusOK, "Signed out by the provider")
}

// TestUnverifiedAccount checks that the verified owner of an email takes an account from whoever created it with a
// copied link.
func TestUnverifiedAccount(t *testing.T) {
	s, provider := withProvider(t)
	member := pendingMember(t, s, "grace@acme.test")
	link, err := s.InviteMember(t.Context(), s.Workspace.ID, member.ID)
	if err != nil {
		t.Fatal(err)
	}
	thief := s.Browser(t)
	thief.Get("/invitations/"+link.Token).Want(t, http.StatusOK, `href="/login/sso"`)
	thief.Post("/invitations/"+link.Token, url.Values{"name": {"Grace"}, "password": {"a stolen long passphrase"}}).WantRedirect(t, path.SignedIn(path.Workspace(s.Workspace.ID).APIKeys()))
	s.AddPasskeyOf(t, member.UserID, "Thief's phone")
	grace := s.Browser(t)
	grace.Get(provider.Visit(grace, withAcmeID, handlerstest.Person("grace", "grace@acme.test"))).WantRedirect(t, signedIn)
	if has, err := s.HasSecondFactor(t.Context(), member.UserID); has || err != nil {
		t.Errorf("the passkey is left = %t, error = %v", has, err)
	}
	thief.Get("/settings/members").WantRedirect(t, path.SignInAnd(path.Workspace(s.Workspace.ID).Members()))
	thief.Post("/login", url.Values{"email": {"grace@acme.test"}, "password": {"a stolen long passphrase"}}).Want(t, http.StatusUnprocessableEntity)
	grace.Get("/settings/members").Want(t, http.StatusOK)
}

var requireSingleSignOn = url.Values{"lifetime": {"any"}, "review_unused_days": {"30"}, "review_idle_days": {"90"}, "review_old_days": {"365"}, "single_sign_on_required": {"true"}}

// TestWorkspaceRequiresSingleSignOn checks that a password is no longer enough to use a workspace, or to change the email
// by which the provider's people are found, and that other workspaces and API keys don't change.
func TestWorkspaceRequiresSingleSignOn(t *testing.T) {
	s, provider := withProvider(t)
	other, _ := s.NewWorkspace(t, "Globex", handlerstest.AdminEmail)
	key, secret := s.NamedKey(t, s.Workspace.ID, "CI"), s.Key(t)
	password := s.SignedIn(t, handlerstest.AdminEmail)
	password.Post("/settings/policy", requireSingleSignOn).Want(t, http.StatusUnprocessableEntity, "Sign in with single sign-on once before you require it")
	ada := s.Browser(t)
	ada.Get(provider.Visit(ada, withAcmeID, handlerstest.Person("ada", handlerstest.AdminEmail))).WantRedirect(t, signedIn)
	ada.Post("/settings/policy", requireSingleSignOn).WantRedirect(t, "/settings/policy")
	ada.Get("/settings/policy").Want(t, http.StatusOK, "Require single sign-on")
	ada.Get("/settings/account/email").Want(t, http.StatusOK)

	in := path.Workspace(s.Workspace.ID)
	for _, page := range []string{in.APIKeys(), in.Policy(), in.AuditLogCSV(), path.AccountEmail} {
		password.Get(page).WantRedirect(t, "/login/sso/needed?next="+url.QueryEscape(page))
	}
	password.Post("/settings/api-keys/"+key.ID+"/delete", nil).WantRedirect(t, "/login/sso/needed?next=")
	password.Post("/settings/policy", url.Values{}).WantRedirect(t, "/login/sso/needed?next=")
	password.Get("/login/sso/needed?next=/settings/members").Want(t, http.StatusOK, "Acme</bdi> requires single sign-on.", withAcmeID)
	password.Get("/settings/account").Want(t, http.StatusOK)
	s.Want(t, http.StatusOK, secret, http.MethodGet, "/me", "")

	password.Get(path.Workspace(other.ID).APIKeys()).Want(t, http.StatusOK)
	password.Get("/settings/account/email").WantRedirect(t, "/login/sso/needed?next=%2Fsettings%2Faccount%2Femail")

	operator := models.WithActor(t.Context(), models.Actor{Type: models.ActorOperator, Name: "Operator"})
	if _, err := s.SetKeyPolicy(operator, s.Workspace.ID, models.DefaultKeyPolicy); err != nil {
		t.Fatal(err)
	}
	password.Get("/settings/api-keys").Want(t, http.StatusOK)
}

// TestProofWithProvider checks that someone without a password proves who they are at the provider, which must have asked
// them to sign in again, and that what they entered is kept.
func TestProofWithProvider(t *testing.T) {
	s, provider := withProvider(t)
	member := pendingMember(t, s, "grace@acme.test")
	if _, err := s.ChangeMemberRole(t.Context(), s.Workspace.ID, member.ID, models.Admin); err != nil {
		t.Fatal(err)
	}
	grace, prove := handlerstest.Person("grace", "grace@acme.test"), "/login/sso?prove=true"
	b := s.Browser(t)
	b.Get(provider.Visit(b, withAcmeID, grace)).WantRedirect(t, signedIn)
	b.Get("/settings/account").Want(t, http.StatusOK, "because you sign in with single sign-on")
	s.Clock.Advance(models.ProofLife)
	form := url.Values{"form_id": {"f"}, "name": {"Nightly sync"}, "expiry": {"never"}}
	b.Post("/settings/api-keys", form).Want(t, http.StatusForbidden, "Confirm with <bdi>Acme ID</bdi>", `value="Nightly sync"`)
	form.Set("proof", "")
	b.Post("/settings/api-keys", form).Want(t, http.StatusUnprocessableEntity, "with Acme ID first", `value="Nightly sync"`)

	now := func() handlerstest.Claims { return handlerstest.Claims{"auth_time": s.Clock.Now().Unix()} }
	b.Get(provider.Visit(b, prove, grace)).Want(t, http.StatusUnprocessableEntity, "didn’t ask you to sign in again")
	b.Get(provider.Visit(b, prove, grace.With(handlerstest.Claims{"auth_time": s.Clock.Now().Add(-time.Hour).Unix()}))).Want(t, http.StatusUnprocessableEntity, "didn’t ask you to sign in again")
	b.Get(provider.Visit(b, prove, handlerstest.Person("ada", handlerstest.AdminEmail).With(now()))).Want(t, http.StatusForbidden, "as someone else")
	b.Post("/settings/api-keys", form).Want(t, http.StatusUnprocessableEntity)
	if sent := b.Get(prove).Header.Get("Location"); valueOf(t, sent, "prompt") != "login" || valueOf(t, sent, "max_age") != "0" {
		t.Errorf("the provider isn't told to ask again: %s", sent)
	}

	thief := s.SignedIn(t, handlerstest.AdminEmail)
	back := provider.Visit(b, prove, grace.With(now()))
	thief.Get(back).Want(t, http.StatusForbidden, "began in another browser")
	b.Get(back).Want(t, http.StatusOK, "It’s you")
	b.Post("/settings/api-keys", form).Want(t, http.StatusCreated, "Nightly sync")

	s.Clock.Advance(models.ProofLife)
	silent := s.Browser(t) // the provider still knows them
	silent.Get(provider.Visit(silent, withAcmeID, grace.With(handlerstest.Claims{"auth_time": s.Clock.Now().Add(-time.Hour).Unix()}))).WantRedirect(t, signedIn)
	silent.Post("/settings/api-keys", form).Want(t, http.StatusUnprocessableEntity, "with Acme ID first")
}
