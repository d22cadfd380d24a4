package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

const (
	policyPath  = "/settings/policy"
	shortenPath = listPath + "/shorten"
)

// policyForm returns the form of the policy page with its current values and some others.
func policyForm(t *testing.T, b *handlerstest.Browser, changes url.Values) url.Values {
	t.Helper()
	form := url.Values{}
	document(t, b.Get(policyPath)).Find("#main form input").Not("[type=radio]:not([checked]), [type=checkbox]:not([checked])").Each(func(_ int, input *goquery.Selection) {
		form.Set(input.AttrOr("name", ""), input.AttrOr("value", ""))
	})
	for name, values := range changes {
		form[name] = values
	}
	return form
}

func TestPolicy(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		read := func() models.KeyPolicy {
			t.Helper()
			policy, err := s.KeyPolicy(t.Context(), s.Workspace.ID)
			if err != nil {
				t.Fatal(err)
			}
			return policy
		}
		for name, tt := range map[string]struct {
			change url.Values
			says   string
		}{
			"no maximum":        {url.Values{"lifetime": {"limited"}, "default_days": {"30"}}, "Maximum lifetime in days must be a whole number from 1 to 3650."},
			"zero":              {url.Values{"lifetime": {"limited"}, "max_days": {"0"}, "default_days": {"30"}}, "Maximum lifetime in days must be a whole number"},
			"no default":        {url.Values{"lifetime": {"expires"}}, "Default lifetime in days must be set, because keys must expire."},
			"default too long":  {url.Values{"lifetime": {"limited"}, "max_days": {"30"}, "default_days": {"90"}}, "Default lifetime in days must be at most the maximum of 30."},
			"no number":         {url.Values{"review_idle_days": {"soon"}}, "Inactive must be a whole number"},
			"empty review ages": {url.Values{"review_old_days": {""}}, "Due for rotation must be a whole number"},
		} {
			t.Run(name, func(t *testing.T) {
				b.Post(policyPath, policyForm(t, b, tt.change)).Want(t, http.StatusUnprocessableEntity, tt.says)
				modelstest.Equal(t, "policy", read(), models.DefaultKeyPolicy)
			})
		}
		b.Post(policyPath, policyForm(t, b, url.Values{"lifetime": {"limited"}, "max_days": {"45"}, "default_days": {"7"}, "review_idle_days": {"60"}})).Want(t, http.StatusSeeOther)
		got := read()
		modelstest.Equal(t, "maximum", got.MaxDays, 45)
		modelstest.Equal(t, "default", got.DefaultDays, 7)
		modelstest.Equal(t, "idle", got.ReviewIdleDays, 60)
		modelstest.Equal(t, "old", got.ReviewOldDays, 365)
		page := document(t, b.Get(policyPath))
		modelstest.Equal(t, "selected", page.Find("input[name=lifetime][checked]").AttrOr("value", ""), "limited")
		modelstest.Equal(t, "maximum shown", page.Find("input[name=max_days]").AttrOr("value", ""), "45")

		b.Post(policyPath, policyForm(t, b, url.Values{"lifetime": {"any"}, "default_days": {""}})).Want(t, http.StatusSeeOther)
		modelstest.Equal(t, "expiry required", read().ExpiryRequired, false)
		modelstest.Equal(t, "maximum", read().MaxDays, 0)
	})
}

// TestPolicyInForms checks what the forms of keys offer, and that a forged form doesn't get more.
func TestPolicyInForms(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	s.NamedKey(t, s.Workspace.ID, "Old")
	policy := models.DefaultKeyPolicy
	policy.MaxDays, policy.DefaultDays = 45, 7
	if _, err := s.SetKeyPolicy(t.Context(), s.Workspace.ID, policy); err != nil {
		t.Fatal(err)
	}
	id := keysOf(t, s)[0].ID
	offered := func(path string) []string {
		return document(t, b.Get(path)).Find("input[name=expiry]").Map(func(_ int, input *goquery.Selection) string { return input.AttrOr("value", "") })
	}
	for path, want := range map[string]string{
		listPath + "/new":                 "7 30 45 date",
		listPath + "/" + id + "/access":   "keep 7 30 45 date",
		listPath + "/" + id + "/rotation": "keep 7 30 45 date",
	} {
		if got := strings.Join(offered(path), " "); got != want {
			t.Errorf("%s: choices = %s, want %s", path, got, want)
		}
	}
	form := document(t, b.Get(listPath+"/new"))
	modelstest.Equal(t, "selected", form.Find("input[name=expiry][checked]").AttrOr("value", ""), "7")
	for expiry, says := range map[string]string{"never": "Expiry must be at most 45 days from now", "90": "Choose 2026-04-28T09:26:53Z or earlier."} {
		b.Post(listPath, url.Values{"form_id": {"1"}, "name": {"X"}, "expiry": {expiry}}).Want(t, http.StatusUnprocessableEntity, says)
	}
	b.Post(listPath, url.Values{"form_id": {"1"}, "name": {"X"}, "expiry": {"45"}}).Want(t, http.StatusCreated)
	b.Post(listPath+"/"+id+"/rotation", url.Values{"form_id": {"2"}, "expiry": {"keep"}}).Want(t, http.StatusCreated)
	b.Post(listPath+"/"+id+"/rotation", url.Values{"form_id": {"3"}, "expiry": {"never"}}).Want(t, http.StatusUnprocessableEntity)
}

func TestShorten(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		key := s.Key(t)
		s.NamedKey(t, s.Workspace.ID, "Nightly <sync>")
		policy := models.DefaultKeyPolicy
		policy.MaxDays, policy.DefaultDays = 90, 30
		if _, err := s.SetKeyPolicy(t.Context(), s.Workspace.ID, policy); err != nil {
			t.Fatal(err)
		}
		b.Get(policyPath).Want(t, http.StatusOK, "2 keys expire later than this policy allows")
		b.Get(listPath+"/review").Want(t, http.StatusOK, "over the policy’s limit")
		list := document(t, b.Get(listPath+"?review=lifetime"))
		all := list.Find(`a[href*="` + shortenPath + `?review"]`)
		modelstest.Equal(t, "button", strings.Join(strings.Fields(all.Text()), " "), "Shorten all 2…")
		modelstest.Equal(t, "links of keys", list.Find(`a[href*="`+shortenPath+`?key"]`).Length(), 2)
		asked := document(t, b.Get(all.AttrOr("href", ""))).Find("#panel")
		ids := asked.Find(`input[name="key"]`).Map(func(_ int, input *goquery.Selection) string { return input.AttrOr("value", "") })
		modelstest.Equal(t, "keys", len(ids), 2)
		modelstest.Equal(t, "title", asked.Find("h1").Text(), "Shorten 2 lifetimes?")
		done := b.Post(shortenPath, url.Values{"key": ids})
		done.Want(t, http.StatusOK, "Shortened 2 lifetimes", "In effect on all nodes after")
		for _, one := range keysOf(t, s) {
			if one.ExpiresAt == nil || !one.ExpiresAt.Equal(s.Now().Add(90*24*time.Hour)) {
				t.Errorf("expiry of %s = %v, want in 90 days", one.Name, one.ExpiresAt)
			}
		}
		b.Post(shortenPath, url.Values{"key": ids}).Want(t, http.StatusUnprocessableEntity, "Nothing was changed.")
		b.Get(shortenPath).Want(t, http.StatusUnprocessableEntity)
		s.Want(t, http.StatusOK, key, "GET", "/me", "")
		s.Clock.Advance(90 * 24 * time.Hour)
		s.Want(t, http.StatusUnauthorized, key, "GET", "/me", "")
	})
}
