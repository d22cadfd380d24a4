package apikeys

import (
	"bytes"
	"context"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/viewer"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const secret = "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"

// naughty are names that are hard to escape or to lay out.
var naughty = []string{
	"<script>alert('x')</script>", `" onmouseover="alert(1)`, "O'Brien & Sons; DROP TABLE api_keys;--", "مفتاح الخادم",
	"👩‍👩‍👧‍👦 launch", strings.Repeat("W", 100), "{{.}} ${x} <!-- -->", "a  b\u202ec",
}

func keyNamed(name string) *models.APIKey {
	used, expires := now.Add(-time.Hour), now.Add(48*time.Hour)
	return &models.APIKey{
		ID: "key_01K00000000000000000000000", Name: name, Description: name, KeyPrefix: "sk_live_zQWB....", Scopes: scope.All,
		CreatedByName: name, CreatedAt: now, ExpiresAt: &expires,
		LastUsedAt: &used, LastUsedAddress: "203.0.113.1", LastUsedUserAgent: name,
	}
}

func render(t *testing.T, page templ.Component) string {
	t.Helper()
	member := models.Member{WorkspaceID: "ws_1", Workspace: models.Workspace{ID: "ws_1", Name: "Acme", KeyPolicy: models.DefaultKeyPolicy}, Role: models.Admin}
	ctx := viewer.With(context.Background(), viewer.Viewer{
		User: &models.User{Name: "Ada Admin", Email: "ada@acme.test"}, Member: &member, Memberships: []models.Member{member},
		Location: time.UTC, Now: now, PublicURL: "https://keys.acme.test",
	})
	var drawn bytes.Buffer
	if err := page.Render(ctx, &drawn); err != nil {
		t.Fatal(err)
	}
	return drawn.String()
}

func pagesWith(name string) map[string]templ.Component {
	key := keyNamed(name)
	history := []models.AuditEvent{{Action: "api_key.renamed", ActorName: name, Details: map[string]string{"from": name}, UserAgent: name, CreatedAt: now}}
	return map[string]templ.Component{
		"List":           List(ListPage{List: models.APIKeyList{Keys: []models.APIKey{*key}, Matching: 1, Counts: map[models.KeyStatus]int64{models.KeyActive: 1}}}),
		"New":            New(Form{Name: name, Found: models.APIKeyList{Keys: []models.APIKey{*key}, Matching: 1}}),
		"Created":        Created(CreatedPage{Key: key, Secret: secret}),
		"AlreadyCreated": AlreadyCreated(key),
		"Usage":          Usage(usageOf(key)),
		"Show":           Show(DetailPage{Key: key, Usage: usageSummaryOf(key), Form: DetailsForm{Name: name, Description: name}, History: history, Errors: models.Fields{"name": name}}),
		"Delete":         Delete(DeletePage{Key: key, Challenge: models.Challenge{Name: name}, Entered: models.Confirmation{Name: name}, Errors: models.Fields{"confirm_name": name}}),
	}
}

// forbidden matches what the content security policy blocks.
var forbidden = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script>|hx-on`)

func TestPagesShowAnyNameAsItIs(t *testing.T) {
	tag := regexp.MustCompile(`<[^>]*>`)
	for _, name := range naughty {
		for title, page := range pagesWith(name) {
			drawn := render(t, page)
			if !strings.Contains(html.UnescapeString(drawn), name) {
				t.Errorf("%s lacks the name %q", title, name)
			}
			for _, element := range tag.FindAllString(drawn, -1) {
				withoutValues := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(element, `""`)
				if found := forbidden.FindString(withoutValues); found != "" {
					t.Errorf("%s with the name %q contains %q in %s", title, name, found, element)
				}
			}
		}
	}
}

func TestOnlyCreatedShowsTheSecret(t *testing.T) {
	for title, page := range pagesWith("CI") {
		drawn := render(t, page)
		if got, want := strings.Contains(drawn, secret), title == "Created"; got != want {
			t.Errorf("%s shows the secret: %v, want %v", title, got, want)
		}
	}
	// A script removes the elements with data-secret from the page.
	marked := regexp.MustCompile(`<[^>]*data-secret[^>]*>[^<]*`)
	if rest := marked.ReplaceAllString(render(t, pagesWith("CI")["Created"]), ""); strings.Contains(rest, secret) {
		t.Error("secret is in an element without data-secret")
	}
}

func TestListWithoutKeysTeaches(t *testing.T) {
	drawn := html.UnescapeString(render(t, List(ListPage{})))
	for _, want := range []string{"Create your first key", `curl https://keys.acme.test/api/v1/me -H "Authorization: Bearer`} {
		if !strings.Contains(drawn, want) {
			t.Errorf("empty list lacks %q", want)
		}
	}
	if n := strings.Count(drawn, "Create key"); n != 1 {
		t.Errorf("buttons to create a key = %d, want 1", n)
	}
}

func TestDeletedKeyHasNoControls(t *testing.T) {
	key := keyNamed("CI")
	key.DeletedAt = &now
	drawn := render(t, Show(detailOf(key)))
	for _, control := range []string{"Delete key", "Save details"} {
		if strings.Contains(drawn, control) {
			t.Errorf("page of a deleted key contains %q", control)
		}
	}
}
