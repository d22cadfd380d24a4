package handlerstest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// Browser acts like a web browser: it keeps cookies and sends the origin of forms. It doesn't
// follow redirects.
type Browser struct {
	t         testing.TB
	server    *Server
	Client    *http.Client
	Workspace path.Workspace // whose pages the browser requests by paths that don't name a workspace
	from      string         // sent as X-Forwarded-For if not empty
}

// Browser returns a browser in which no one is signed in.
func (s *Server) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, server: s, Workspace: s.workspace(), Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// SignedIn returns a browser in which the user with email is signed in, with modelstest.Password.
func (s *Server) SignedIn(t testing.TB, email string) *Browser {
	t.Helper()
	b := s.Browser(t)
	response := b.Post("/login", url.Values{"email": {email}, "password": {modelstest.Password}})
	if response.Status != http.StatusSeeOther {
		t.Fatalf("sign in: status = %d, want %d\n%s", response.Status, http.StatusSeeOther, response.Body)
	}
	if last := b.Get(path.Root).Workspace(); last != "" {
		b.Workspace = last
	}
	return b
}

// From makes the browser's forms come from an IP address, through a proxy that the Server must trust.
func (b *Browser) From(address string) *Browser {
	b.from = address
	return b
}

// In sets the time zone of the browser, such as "Pacific/Honolulu".
func (b *Browser) In(zone string) *Browser {
	b.t.Helper()
	base, err := url.Parse(b.server.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Client.Jar.SetCookies(base, []*http.Cookie{{Name: "timezone", Value: zone}})
	return b
}

// in returns the path of a page in a workspace, which page need not name, or of a page outside of workspaces.
func in(workspace path.Workspace, page string) string {
	if page == "/search" || strings.HasPrefix(page, "/settings/") && !strings.HasPrefix(page, path.Account) {
		return workspace.Page(page)
	}
	return page
}

// workspaceIn returns the ID of the workspace that a path names, or "".
func workspaceIn(path string) string {
	rest, _ := strings.CutPrefix(path, "/w/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// Get requests a page.
func (b *Browser) Get(page string) Response {
	b.t.Helper()
	return Send(b.t, b.Client, b.server.Request(b.t, http.MethodGet, in(b.Workspace, page), ""))
}

// Part requests a part of a page, as htmx does.
func (b *Browser) Part(page string) Response {
	b.t.Helper()
	request := b.server.Request(b.t, http.MethodGet, in(b.Workspace, page), "")
	request.Header.Set("HX-Request", "true")
	return Send(b.t, b.Client, request)
}

// Post sends a form of one of the server's pages.
func (b *Browser) Post(page string, form url.Values) Response {
	b.t.Helper()
	request := b.server.Request(b.t, http.MethodPost, in(b.Workspace, page), form.Encode())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", b.server.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if b.from != "" {
		request.Header.Set("X-Forwarded-For", b.from)
	}
	return Send(b.t, b.Client, request)
}
