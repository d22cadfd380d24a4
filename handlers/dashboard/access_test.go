package dashboard_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

func send(b *handlerstest.Browser, method, path string) handlerstest.Response {
	if method == http.MethodPost {
		return b.Post(path, url.Values{"name": {"X"}, "form_id": {"form"}, "expiry": {"never"}})
	}
	return b.Get(path)
}

// TestSignInReturnsToThePage checks that sign-in returns to the requested page, but not to another site.
func TestSignInReturnsToThePage(t *testing.T) {
	s := handlerstest.New(t)
	asked := s.Browser(t).Get("/settings/api-keys?status=deleted")
	if got, want := asked.Header.Get("Location"), "/login?next=%2Fw%2F"+s.Workspace.ID+"%2Fsettings%2Fapi-keys%3Fstatus%3Ddeleted"; got != want {
		t.Fatalf("Location = %s, want %s", got, want)
	}
	for next, want := range map[string]string{
		"/settings/api-keys?status=deleted": "/settings/api-keys?status=deleted",
		"":                                  "/", "https://evil.test/": "/", "//evil.test": "/", `/\evil.test`: "/", "javascript:alert(1)": "/", "evil": "/",
	} {
		in := s.Browser(t).Post("/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}, "next": {next}})
		want = "/login?" + url.Values{"next": {want}, "signed_in": {"true"}}.Encode()
		if got := in.Header.Get("Location"); in.Status != http.StatusSeeOther || got != want {
			t.Errorf("next %q: status = %d, Location %q; want 303 to %q", next, in.Status, got, want)
		}
	}
}

func TestFormSentAfterTheSessionHasEnded(t *testing.T) {
	s := handlerstest.New(t)
	send := func(headers map[string]string) handlerstest.Response {
		request := s.Request(t, http.MethodPost, "/settings/api-keys", url.Values{"name": {"CI"}}.Encode())
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		return handlerstest.Send(t, s.Browser(t).Client, request)
	}
	for referer, next := range map[string]string{
		s.URL + "/settings/api-keys/new?x=1": "/settings/api-keys/new?x=1",
		"":                                   "/",
		"https://evil.test/settings":         "/",
		s.URL + "//evil.test":                "/",
	} {
		location := "/login?" + url.Values{"next": {next}, "signed_out": {"form"}}.Encode()
		send(map[string]string{"Referer": referer}).WantRedirect(t, location)
		if next != "/" {
			s.Browser(t).Get(location).Want(t, http.StatusOK, "You were signed out, so the form wasn’t submitted.")
		}
	}
	// A script keeps the form of a part of a page.
	part := send(map[string]string{"HX-Request": "true"})
	part.Want(t, http.StatusUnauthorized, "You were signed out.")
	part.WantHeader(t, "HX-Redirect", "")
}

// TestCrossSiteWritesAreRejected covers both headers that identify them.
func TestCrossSiteWritesAreRejected(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	form := url.Values{"name": {"Stolen"}, "form_id": {"form"}, "expiry": {"never"}}.Encode()
	for name, headers := range map[string]map[string]string{
		"fetch metadata cross-site": {"Sec-Fetch-Site": "cross-site"},
		"fetch metadata same-site":  {"Sec-Fetch-Site": "same-site"},
		"another origin":            {"Origin": "https://evil.test"},
		"an opaque origin":          {"Origin": "null"},
	} {
		request := s.Request(t, http.MethodPost, "/settings/api-keys", form)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for header, value := range headers {
			request.Header.Set(header, value)
		}
		if got := handlerstest.Send(t, b.Client, request); got.Status != http.StatusForbidden {
			t.Errorf("%s: status = %d, want 403", name, got.Status)
		}
	}
	if list := keysOf(t, s); len(list) != 0 {
		t.Errorf("keys = %v, want none", list)
	}
}

// TestFormBehindProxyThatReplacesHost checks that the page and one warning name the setting to correct.
func TestFormBehindProxyThatReplacesHost(t *testing.T) {
	s := handlerstest.New(t)
	const origin = "http://keys.acme.test"
	for range 2 {
		request := s.Request(t, http.MethodPost, "/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}}.Encode())
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", origin)
		got := handlerstest.Send(t, s.Browser(t).Client, request)
		if got.Status != http.StatusForbidden {
			t.Fatalf("status = %d, want 403", got.Status)
		}
		page := document(t, got).Find("main, body").Text()
		for _, want := range []string{origin, s.URL, "SKIPUP_PUBLIC_URL"} {
			if !strings.Contains(page, want) {
				t.Errorf("page lacks %s:\n%s", want, page)
			}
		}
	}
	if n := strings.Count(s.Log.String(), `"level":"WARN"`); n != 1 {
		t.Errorf("warnings = %d, want 1:\n%s", n, s.Log)
	}
	if log := s.Log.String(); !strings.Contains(log, "--public-url (SKIPUP_PUBLIC_URL)") || !strings.Contains(log, origin) {
		t.Errorf("log names neither the setting nor the origin:\n%s", log)
	}
}

func TestFormOfAnotherSiteNamesNoSetting(t *testing.T) {
	s := handlerstest.New(t)
	request := s.Request(t, http.MethodPost, "/login", "")
	request.Header.Set("Origin", "https://evil.test")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	got := handlerstest.Send(t, s.Browser(t).Client, request)
	if strings.Contains(got.Body, "evil.test") || strings.Contains(got.Body, "SKIPUP_PUBLIC_URL") {
		t.Errorf("page suggests to trust another site:\n%s", got.Body)
	}
	if strings.Contains(s.Log.String(), `"level":"WARN"`) {
		t.Errorf("log has a warning, want none:\n%s", s.Log)
	}
}

// TestLostSessionCookie checks that a browser that doesn't return the session cookie isn't sent in
// circles without a reason.
func TestLostSessionCookie(t *testing.T) {
	tests := []struct{ name, publicURL, want string }{
		{"http with an https public URL", "https://keys.acme.test", "open https://keys.acme.test"},
		{"no cookies", "", "Allow cookies for this site"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{PublicURL: tt.publicURL})
			for range 2 {
				b := s.Browser(t)
				b.Client.Jar = nil // net/http/cookiejar would send secure cookies to loopback addresses
				in := b.Post("/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}, "next": {"/settings/seats"}})
				page := document(t, b.Get(in.Header.Get("Location")))
				if got := page.Find("#sign-in-error").Text(); !strings.Contains(got, tt.want) {
					t.Errorf("message = %q, want it to contain %q", got, tt.want)
				}
				if got := page.Find("input[name=next]").AttrOr("value", ""); got != "/settings/seats" {
					t.Errorf("next = %q, want /settings/seats", got)
				}
			}
			if n := strings.Count(s.Log.String(), `"level":"WARN"`); n != 1 || !strings.Contains(s.Log.String(), "SKIPUP_PUBLIC_URL") {
				t.Errorf("warnings = %d, want 1 that names SKIPUP_PUBLIC_URL:\n%s", n, s.Log)
			}
		})
	}
	s := handlerstest.New(t)
	b := s.Browser(t)
	in := b.Post("/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}, "next": {"/settings/seats"}})
	if got := b.Get(in.Header.Get("Location")).Header.Get("Location"); got != "/settings/seats" {
		t.Errorf("with cookies, sign-in leads to %q, want /settings/seats", got)
	}
}

// TestInstallationsOnOneHostKeepTheirSessions checks that a browser can be signed in to two servers
// with the same host and different ports. Cookies are shared between ports (RFC 6265 §8.5).
func TestInstallationsOnOneHostKeepTheirSessions(t *testing.T) {
	one, other := handlerstest.New(t), handlerstest.New(t)
	first, second := one.SignedIn(t, handlerstest.AdminEmail), other.Browser(t)
	second.Client.Jar = first.Client.Jar
	second.Post("/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}})
	for name, b := range map[string]*handlerstest.Browser{"first": first, "second": second} {
		if got := b.Get("/settings/account"); got.Status != http.StatusOK {
			t.Errorf("%s server: status = %d, want 200", name, got.Status)
		}
	}
}

// cookieOn returns the name of a cookie of a server that is not on the default port.
func cookieOn(t *testing.T, s *handlerstest.Server, name string) string {
	t.Helper()
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return name + "_" + base.Port()
}

// TestSessionCookie checks that sign-in issues a new session ID, the cookie's attributes, and that a copy
// doesn't work after signing out.
func TestSessionCookie(t *testing.T) {
	s := handlerstest.New(t)
	b := s.Browser(t)
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	b.Client.Jar.SetCookies(base, []*http.Cookie{{Name: cookieOn(t, s, "skipup_session"), Value: "chosen-by-an-attacker"}})
	in := b.Post("/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}})
	cookie := in.Cookie(t, cookieOn(t, s, "skipup_session"))
	if cookie.Value == "chosen-by-an-attacker" {
		t.Error("signing in keeps the session of before")
	}
	if len(cookie.Value) < 26 {
		t.Errorf("session = %q, which can be guessed", cookie.Value)
	}
	modelstest.Equal(t, "HttpOnly", cookie.HttpOnly, true)
	modelstest.Equal(t, "SameSite", cookie.SameSite, http.SameSiteLaxMode)
	modelstest.Equal(t, "Secure, over HTTP", cookie.Secure, false)
	copied := s.Browser(t)
	copied.Client.Jar.SetCookies(base, []*http.Cookie{cookie})
	if got := copied.Get("/settings/api-keys"); got.Status != http.StatusOK {
		t.Fatalf("copied cookie: status = %d, want 200", got.Status)
	}
	if out := b.Post("/logout", nil); out.Status != http.StatusSeeOther || out.Cookie(t, cookieOn(t, s, "skipup_session")).MaxAge >= 0 {
		t.Errorf("sign out: status = %d, cookie = %+v", out.Status, out.Cookie(t, cookieOn(t, s, "skipup_session")))
	}
	if got := copied.Get("/settings/api-keys"); got.Status != http.StatusSeeOther {
		t.Errorf("copied cookie after signing out: status = %d, want 303", got.Status)
	}
}

func TestCookiesUnderHTTPS(t *testing.T) {
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{PublicURL: "https://keys.acme.test"})
	request := s.Request(t, http.MethodPost, "/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {modelstest.Password}}.Encode())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", "https://keys.acme.test")
	in := handlerstest.Send(t, s.Browser(t).Client, request)
	for _, name := range []string{"__Host-skipup_session", "__Host-skipup_device"} {
		cookie := in.Cookie(t, name)
		modelstest.Equal(t, name+": Secure", cookie.Secure, true)
		modelstest.Equal(t, name+": HttpOnly", cookie.HttpOnly, true)
		modelstest.Equal(t, name+": Path", cookie.Path, "/")
		modelstest.Equal(t, name+": Domain", cookie.Domain, "")
	}
	if in.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
}

// TestSessionTimeouts checks that sessions end after 12 idle hours and after 30 days.
func TestSessionTimeouts(t *testing.T) {
	s := handlerstest.New(t)
	idle := s.SignedIn(t, handlerstest.AdminEmail)
	s.Clock.Advance(12*time.Hour - time.Second)
	if got := idle.Get("/settings/account"); got.Status != http.StatusOK {
		t.Fatalf("before 12 idle hours: status = %d, want 200", got.Status)
	}
	s.Clock.Advance(12 * time.Hour)
	if got := idle.Get("/settings/account"); got.Status != http.StatusSeeOther {
		t.Errorf("after 12 idle hours: status = %d, want 303", got.Status)
	}
	busy := s.SignedIn(t, handlerstest.AdminEmail)
	for range 59 {
		s.Clock.Advance(12*time.Hour - time.Minute)
		if got := busy.Get("/settings/account"); got.Status != http.StatusOK {
			t.Fatalf("session in use: status = %d, want 200", got.Status)
		}
	}
	s.Clock.Advance(12*time.Hour - time.Minute)
	s.Clock.Advance(time.Hour)
	if got := busy.Get("/settings/account"); got.Status != http.StatusSeeOther {
		t.Errorf("after 30 days: status = %d, want 303", got.Status)
	}
}

// TestSignInIsRateLimited checks that known and unknown emails get the same response.
func TestSignInIsRateLimited(t *testing.T) {
	s := handlerstest.New(t)
	wrong := func(email string) handlerstest.Response {
		return s.Browser(t).Post("/login", url.Values{"email": {email}, "password": {"not the right passphrase"}})
	}
	known, unknown := wrong(handlerstest.AdminEmail), wrong("bob@acme.test")
	known.Want(t, http.StatusUnprocessableEntity)
	unknown.Want(t, http.StatusUnprocessableEntity)
	if strings.ReplaceAll(unknown.Body, "bob@acme.test", handlerstest.AdminEmail) != known.Body {
		t.Error("the page tells whether an email is known")
	}
	for range 4 {
		wrong(handlerstest.AdminEmail)
	}
	limited := wrong(handlerstest.AdminEmail)
	if limited.Status != http.StatusTooManyRequests || limited.Header.Get("Retry-After") != "1" {
		t.Errorf("sixth attempt: status = %d, Retry-After %q; want 429 and 1", limited.Status, limited.Header.Get("Retry-After"))
	}
	if strings.Contains(limited.Body, "not the right passphrase") {
		t.Error("the page repeats the password")
	}
}

func TestSignOutEverywhere(t *testing.T) {
	s := handlerstest.New(t)
	here, there := s.SignedIn(t, handlerstest.AdminEmail), s.SignedIn(t, handlerstest.AdminEmail)
	if got := here.Post("/settings/account/sessions", nil); got.Status != http.StatusSeeOther {
		t.Fatalf("sign out everywhere: status = %d, want 303", got.Status)
	}
	for _, b := range []*handlerstest.Browser{here, there} {
		if got := b.Get("/settings/account"); got.Status != http.StatusSeeOther {
			t.Errorf("session: status = %d, want 303 to the sign-in page", got.Status)
		}
	}
}

// TestWorkspaces checks that each shows its own keys, and that other users' workspaces return 404.
func TestWorkspaces(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		second, _ := s.NewWorkspace(t, "Second", handlerstest.AdminEmail)
		foreign, _ := s.NewWorkspace(t, "Foreign", "eve@foreign.test")
		s.NamedKey(t, s.Workspace.ID, "First's key")
		s.NamedKey(t, second.ID, "Second's key")
		theirs := s.NamedKey(t, foreign.ID, "Foreign key")
		b := s.SignedIn(t, handlerstest.AdminEmail)
		if page := b.Get("/settings/api-keys").Body; !strings.Contains(page, "First&#39;s key") || strings.Contains(page, "Second&#39;s key") {
			t.Error("the first workspace does not show its own keys")
		}
		b.Workspace = path.Workspace(second.ID)
		if page := b.Get("/settings/api-keys").Body; strings.Contains(page, "First&#39;s key") || !strings.Contains(page, "Second&#39;s key") {
			t.Error("the second workspace does not show its own keys")
		}
		for _, path := range []string{"/settings/api-keys/" + theirs.ID, "/settings/api-keys/" + theirs.ID + "/delete"} {
			if got := b.Get(path); got.Status != http.StatusNotFound {
				t.Errorf("%s: status = %d, want 404", path, got.Status)
			}
		}
		if got := b.Post("/settings/api-keys/"+theirs.ID+"/delete", nil); got.Status != http.StatusNotFound {
			t.Errorf("delete another workspace's key: status = %d, want 404", got.Status)
		}
		if key, err := s.APIKey(context.Background(), foreign.ID, theirs.ID); err != nil || key.DeletedAt != nil {
			t.Errorf("other workspace's key = %+v (%v), want not deleted", key, err)
		}
	})
}
