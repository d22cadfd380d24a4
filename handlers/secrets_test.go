package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models/scope"
)

// TestSecretsAreNotStoredOrLogged sends keys and passwords wherever a careless user or client might
// put them, and searches the log and the database for them.
func TestSecretsAreNotStoredOrLogged(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		var planted []string
		plant := func(secret string) string {
			planted = append(planted, secret)
			return secret
		}
		key := plant(s.Key(t, scope.All.Scopes()...))
		invalid := plant(strings.ToUpper(key))

		b := s.SignedIn(t, handlerstest.AdminEmail)
		plant("a long enough passphrase")
		base, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		for _, cookie := range b.Client.Jar.Cookies(base) {
			if strings.HasPrefix(cookie.Name, "skipup_") {
				plant(cookie.Value)
			}
		}
		form := regexp.MustCompile(`name="form_id" value="([^"]+)"`).FindStringSubmatch(b.Get("/settings/api-keys/new").Body)
		created := b.Post("/settings/api-keys", url.Values{"form_id": {form[1]}, "name": {"CI"}, "expiry": {"never"}})
		plant(regexp.MustCompile(`sk_live_[0-9A-Za-z]{36}`).FindString(created.Body))

		wrong := plant("hunter2 hunter2 hunter2 no")
		s.Browser(t).Post("/login", url.Values{"email": {handlerstest.AdminEmail}, "password": {wrong}})
		s.Browser(t).Post("/login", url.Values{"email": {plant("the password in the wrong field")}, "password": {wrong}})
		next := plant("a brand new and long passphrase")
		b.Post("/settings/account/password", url.Values{"password": {wrong}, "new_password": {next}})
		b.Post("/settings/account/password", url.Values{"password": {"a long enough passphrase"}, "new_password": {next}})

		invited := b.Post("/settings/members", url.Values{"email": {"grace@acme.test"}})
		token := plant(regexp.MustCompile(`/invitations/([A-Z2-7]{26})`).FindStringSubmatch(invited.Body)[1])
		s.Browser(t).Get("/invitations/" + token)
		s.Browser(t).Post("/invitations/"+token, url.Values{"name": {"Grace"}, "password": {"short"}})
		s.Browser(t).Post("/invitations/"+token, url.Values{"name": {"Grace"}, "password": {plant("nine patient gardeners")}})
		s.Browser(t).Get("/invitations/" + token)

		for _, text := range []string{key, invalid} {
			s.Call(t, text, "GET", "/me?api_key="+text, "")
			s.Call(t, text, "GET", "/nothing/"+text, "")
			s.Call(t, text, "POST", "/api_keys", `{"`+text+`":1}`)
			s.Call(t, text, "POST", "/api_keys", `{"name":"CI","scopes":["`+text+`"]}`)
			s.Call(t, text, "GET", "/api_keys?cursor="+text, "")
			s.Call(t, "", "GET", "/me?access_token="+text, "")
			b.Get("/settings/api-keys?q=" + text)
			b.Get("/settings/api-keys/" + text)
			s.Browser(t).Get("/setup/" + text)
		}
		malformed := s.Request(t, http.MethodGet, "/api/v1/me", "")
		malformed.Header.Set("Authorization", key)
		malformed.Header.Set("X-Request-Id", key)
		malformed.Header.Set("User-Agent", key)
		handlerstest.Send(t, http.DefaultClient, malformed)
		s.ApplyScopesFile(t, "key_prefix: acme\nresources: []")
		unused := plant(s.Key(t))
		careless := s.Request(t, http.MethodGet, "/api/v1/me", "")
		careless.Header.Set("Authorization", "Bearer "+unused)
		careless.Header.Set("User-Agent", "robot/1 "+unused)
		handlerstest.Send(t, http.DefaultClient, careless)
		s.Call(t, key, "POST", "/api_keys", `{"name":"`+key+`"}`)
		s.Call(t, unused, "GET", "/api_keys?"+unused+"=1", "")

		log, tables := s.Log.String(), s.Dump(t)
		if got := len(planted); got < 9 {
			t.Fatalf("planted %d secrets, want at least 9", got)
		}
		if got := strings.Count(log, "\n"); got < 25 {
			t.Fatalf("the log has %d lines, want at least 25", got)
		}
		if !strings.Contains(tables, "Acme") {
			t.Fatal("the dump of the database does not contain the workspace")
		}
		for _, secret := range planted {
			if secret == "" {
				t.Fatal("planted an empty secret")
			}
			for where, text := range map[string]string{"log": log, "database": tables} {
				if at := strings.Index(text, secret); at >= 0 {
					t.Errorf("the %s contains %.12s…: %s", where, secret, around(text, at))
				}
			}
		}
		log = regexp.MustCompile(`.*"problem":"key_changes".*\n`).ReplaceAllString(log, "") // a busy machine is slower than the short lease
		for _, unexpected := range []string{"panic", "goroutine", `"level":"ERROR"`} {
			if at := strings.Index(log, unexpected); at >= 0 {
				t.Errorf("the log contains %q: %s", unexpected, around(log, at))
			}
		}
	})
}

func around(text string, at int) string {
	return fmt.Sprintf("%q", text[max(0, at-80):min(len(text), at+200)])
}
