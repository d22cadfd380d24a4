package handlerstest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"

	"github.com/skipup/keys/models/modelstest"
)

// Browser is a person's browser: it keeps cookies and says where a form comes from. It does
// not follow redirects.
type Browser struct {
	t      testing.TB
	server *Server
	Client *http.Client
}

// Browser opens a browser in which nobody is signed in.
func (s *Server) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, server: s, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// SignedIn opens a browser in which email is signed in, with modelstest.Password.
func (s *Server) SignedIn(t testing.TB, email string) *Browser {
	t.Helper()
	b := s.Browser(t)
	if in := b.Post("/login", url.Values{"email": {email}, "password": {modelstest.Password}}); in.Status != http.StatusSeeOther {
		t.Fatalf("sign in: %d\n%s", in.Status, in.Body)
	}
	return b
}

// In puts the browser into a time zone, such as "Pacific/Honolulu".
func (b *Browser) In(zone string) *Browser {
	b.t.Helper()
	address, err := url.Parse(b.server.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Client.Jar.SetCookies(address, []*http.Cookie{{Name: "timezone", Value: zone}})
	return b
}

// Get asks for a page.
func (b *Browser) Get(path string) Answer {
	b.t.Helper()
	return Send(b.t, b.Client, b.server.Request(b.t, http.MethodGet, path, ""))
}

// Part asks for a part of a page, as htmx does.
func (b *Browser) Part(path string) Answer {
	b.t.Helper()
	request := b.server.Request(b.t, http.MethodGet, path, "")
	request.Header.Set("HX-Request", "true")
	return Send(b.t, b.Client, request)
}

// Post sends a form as the pages of the server do.
func (b *Browser) Post(path string, form url.Values) Answer {
	b.t.Helper()
	request := b.server.Request(b.t, http.MethodPost, path, form.Encode())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", b.server.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return Send(b.t, b.Client, request)
}
