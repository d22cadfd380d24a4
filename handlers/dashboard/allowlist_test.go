package dashboard_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestAllowlistOfAKey adds the addresses seen, first only reports others, and then rejects them after a warning.
func TestAllowlistOfAKey(t *testing.T) {
	s := handlerstest.With(t, modelstest.NewSQLite(t), handlerstest.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	b := s.SignedIn(t, handlerstest.AdminEmail)
	secret := s.Key(t)
	page := listPath + "/" + keysOf(t, s)[0].ID
	callFrom := func(address string, status int) {
		t.Helper()
		request := s.Request(t, http.MethodGet, "/api/v1/me", "")
		request.Header.Set("Authorization", "Bearer "+secret)
		request.Header.Set("X-Forwarded-For", address)
		handlerstest.Send(t, http.DefaultClient, request).Want(t, status)
		s.Flush(t)
	}
	allowlist := func() models.Allowlist { return keysOf(t, s)[0].Allowlist }
	const seen = "Add the addresses seen in the last 30 days"
	b.Get(page+"/access").WantWithout(t, seen)
	callFrom("203.0.113.7", http.StatusOK)
	b.Get(page+"/access").Want(t, http.StatusOK, seen)

	form := url.Values{"access_before": {"/0"}, "expiry": {"keep"}, "allowlist_mode": {"inherit"}, "allowlist_addresses": {"10.0.0.0/8"}, "preset": {"addresses_seen"}}
	added := document(t, b.Post(page+"/access", form))
	modelstest.Equal(t, "addresses", added.Find("textarea[name=allowlist_addresses]").Text(), "10.0.0.0/8\n203.0.113.7/32")
	modelstest.Equal(t, "mode", added.Find("input[name=allowlist_mode][checked]").AttrOr("value", ""), "report_only")
	modelstest.Equal(t, "allowlist before it is saved", allowlist(), models.Allowlist{})

	form.Del("preset")
	form.Set("allowlist_mode", "report_only")
	form.Set("allowlist_addresses", "10.0.0.0/8\r\n10.0.0\r\n\r\n10.0.0.1/8")
	b.Post(page+"/access", form).Want(t, http.StatusUnprocessableEntity, "line 2, “", "line 4, “", "Did you mean 10.0.0.0/8 or 10.0.0.1")
	form.Set("allowlist_addresses", "10.0.0.1\r\n10.0.0.2")
	b.Post(page+"/access", form).WantRedirect(t, page)
	reported := models.Allowlist{Mode: models.AllowlistReportOnly, Networks: "10.0.0.1/32 10.0.0.2/32"}
	modelstest.Equal(t, "allowlist", allowlist(), reported)
	callFrom("203.0.113.7", http.StatusOK)
	b.Get(page).Want(t, http.StatusOK, "The IP allowlist would reject callers of the last 30 days", "203.0.113.7", "1 request in", "would have been rejected")

	form.Set("allowlist_mode", "enforce")
	b.Post(page+"/access", form).Want(t, http.StatusUnprocessableEntity, "Your changes aren’t saved")
	form.Set("access_before", "/0/"+reported.String())
	warned := b.Post(page+"/access", form)
	warned.Want(t, http.StatusUnprocessableEntity, "This allowlist rejects callers of the last 30 days", "203.0.113.7")
	modelstest.Equal(t, "allowlist after the warning", allowlist(), reported)
	form.Set("allowlist_accepted", document(t, warned).Find("input[name=allowlist_accepted]").AttrOr("value", ""))
	b.Post(page+"/access", form).WantRedirect(t, page)
	modelstest.Equal(t, "mode", allowlist().Mode, models.AllowlistEnforce)
	callFrom("203.0.113.7", http.StatusForbidden)
	b.Get(page).Want(t, http.StatusOK, "Enforced", "Address not in the IP allowlist")
	b.Get(page+"/usage").Want(t, http.StatusOK, "Address not in the IP allowlist")

	form.Set("access_before", "/0/"+allowlist().String())
	form.Set("allowlist_addresses", "0.0.0.0/0")
	b.Post(page+"/access", form).Want(t, http.StatusUnprocessableEntity, "allows every IPv4 address")
}

// TestAllowlistOfANewKey creates a key with a list of its own, which its replacement gets, too.
func TestAllowlistOfANewKey(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	form := url.Values{"form_id": {"1"}, "name": {"CI"}, "expiry": {"never"}, "rate_limit": {"90"}, "allowlist_mode": {"enforce"}, "allowlist_addresses": {"0.0.0.0/0\r\nx"}}
	b.Post(listPath, form).Want(t, http.StatusUnprocessableEntity, "line 2, “")
	form.Set("allowlist_addresses", "0.0.0.0/0")
	warned := b.Post(listPath, form)
	warned.Want(t, http.StatusUnprocessableEntity, "allows every IPv4 address")
	modelstest.Equal(t, "keys after the warning", len(keysOf(t, s)), 0)
	form.Set("allowlist_accepted", document(t, warned).Find("input[name=allowlist_accepted]").AttrOr("value", ""))
	b.Post(listPath, form).Want(t, http.StatusCreated)
	key := keysOf(t, s)[0]
	modelstest.Equal(t, "allowlist", key.Allowlist, models.Allowlist{Mode: models.AllowlistEnforce, Networks: "0.0.0.0/0"})
	b.Post(listPath+"/"+key.ID+"/rotation", url.Values{"form_id": {"2"}, "expiry": {"keep"}}).Want(t, http.StatusCreated)
	replacement := keysOf(t, s)[0]
	modelstest.Equal(t, "replaces", replacement.ReplacesID, &key.ID)
	modelstest.Equal(t, "access of the replacement", replacement.Access(), key.Access())
}

func TestDefaultAllowlist(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	secret := s.Key(t)
	s.Want(t, http.StatusOK, secret, "GET", "/me", "")
	s.Flush(t)
	form := policyForm(t, b, url.Values{"allowlist_mode": {"enforce"}, "allowlist_addresses": {"203.0.113.0/24\nx"}, "review_old_days": {"never"}})
	b.Post(policyPath, form).Want(t, http.StatusUnprocessableEntity, "line 2, “", "Due for rotation must be a whole number")
	form.Set("review_old_days", "365")
	form.Set("allowlist_addresses", "203.0.113.0/24")
	warned := b.Post(policyPath, form)
	warned.Want(t, http.StatusUnprocessableEntity, "This allowlist rejects callers of the last 30 days", "127.0.0.1")
	s.Want(t, http.StatusOK, secret, "GET", "/me", "")
	form.Set("allowlist_accepted", document(t, warned).Find("input[name=allowlist_accepted]").AttrOr("value", ""))
	b.Post(policyPath, form).Want(t, http.StatusSeeOther)
	s.Want(t, http.StatusForbidden, secret, "GET", "/me", "")
	saved := document(t, b.Get(policyPath))
	modelstest.Equal(t, "addresses", strings.TrimSpace(saved.Find("textarea[name=allowlist_addresses]").Text()), "203.0.113.0/24")
	modelstest.Equal(t, "mode", saved.Find("input[name=allowlist_mode][checked]").AttrOr("value", ""), "enforce")
}
