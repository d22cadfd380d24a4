package dashboard_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/dashboard"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/path"
)

// withoutPermission are the routes that need no permission in a workspace: those of one's own account and
// those for people who aren't signed in. Every other route must require a permission.
var withoutPermission = []string{
	"GET /", "GET /confirm-email/:token", "GET /docs", "GET /docs/:resource", "GET /forgot-password", "GET /invitations/:token", "GET /login", "GET /login/code", "GET /login/sso", "GET /login/sso/needed", "GET /login/sso/return", "GET /reset-password/:token",
	"GET /search", "GET /settings/account", "GET /settings/account/delete", "GET /settings/account/email", "GET /settings/account/name",
	"GET /settings/account/passkeys", "GET /settings/account/passkeys/:id", "GET /settings/account/passkeys/:id/remove", "GET /settings/account/recovery-codes",
	"GET /settings/account/second-factor", "GET /settings/account/second-factor/remove", "GET /settings/notifications", "GET /setup/:token", "GET /shortcuts",
	"POST /appearance", "POST /confirm-email/:token", "POST /forgot-password", "POST /invitations/:token", "POST /login", "POST /login/code", "POST /login/code/options", "POST /login/passkey", "POST /login/passkey/options", "POST /login/sso/logout", "POST /logout", "POST /reset-password/:token",
	"POST /search", "POST /settings/account/delete", "POST /settings/account/email", "POST /settings/account/emails", "POST /settings/account/name",
	"POST /settings/account/passkeys", "POST /settings/account/passkeys/:id", "POST /settings/account/passkeys/:id/remove", "POST /settings/account/passkeys/options", "POST /settings/account/password",
	"POST /settings/account/proof/options", "POST /settings/account/recovery-codes", "POST /settings/account/second-factor", "POST /settings/account/second-factor/remove",
	"POST /settings/account/sessions", "POST /settings/account/sessions/end", "POST /settings/notifications/read", "POST /setup/:token",
}

// leaveRoute ends one's own membership.
const leaveRoute = "POST /w/:workspace/settings/workspace/leave"

// openToViewers are the forms in a workspace that viewers may send.
var openToViewers = []string{"POST /w/:workspace/search", "POST /w/:workspace/settings/notifications/read", leaveRoute}

// secretPath is the part of a webhook endpoint's URL that only those who manage webhooks may see.
const secretPath = "T0FS3CR3T"

// crew has a browser for each role in a workspace with something on every page.
type crew struct {
	*handlerstest.Server
	browsers map[models.Role]*handlerstest.Browser
	ids      map[string]string // of an item for each parameter, by the path up to the parameter
}

func newCrew(t *testing.T) crew {
	t.Helper()
	s := handlerstest.New(t)
	ctx, id := t.Context(), s.Workspace.ID
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := crew{s, map[models.Role]*handlerstest.Browser{}, map[string]string{}}
	pending, err := s.Store.Store.AddMember(ctx, id, models.NewMember{Email: "pen@acme.test"})
	must(err)
	gone := s.AddMember(t, s.Workspace, "gone@acme.test")
	_, err = s.DeactivateMember(ctx, id, gone.ID)
	must(err)
	endpoint, _, err := s.CreateWebhookEndpoint(ctx, id, models.NewWebhookEndpoint{URL: "https://hooks.example.com/" + secretPath, Events: models.EventList(models.EventTypes).Names()})
	must(err)
	seat, err := s.AssignSeat(ctx, id, s.Admin.ID) // publishes an event
	must(err)
	deliveries, err := s.WebhookDeliveries(ctx, id, endpoint.ID, models.DeliveryFilter{}, models.Page{Limit: 1})
	must(err)
	paused, scheduled, old, deleted := s.NamedKey(t, id, "Paused"), s.NamedKey(t, id, "Scheduled"), s.NamedKey(t, id, "Old"), s.NamedKey(t, id, "Deleted")
	_, _, err = s.CreateAPIKey(ctx, id, models.NewAPIKey{Name: "Powerful", Scopes: scope.All})
	must(err)
	_, err = s.PauseAPIKey(ctx, id, paused.ID, s.Now().Add(time.Hour))
	must(err)
	_, err = s.ScheduleDeletion(ctx, id, scheduled.ID, models.Confirmation{})
	must(err)
	_, _, err = s.RotateAPIKey(ctx, id, old.ID, models.NewReplacement{})
	must(err)
	_, err = s.DeleteAPIKey(ctx, id, deleted.ID, models.Confirmation{})
	must(err)
	s.Clock.Advance(100 * 24 * time.Hour) // so that the review has findings
	for role, email := range map[models.Role]string{models.Admin: handlerstest.AdminEmail, models.KeyManager: "kim@acme.test", models.Viewer: "vic@acme.test"} {
		if role != models.Admin {
			_, err := s.ChangeMemberRole(ctx, id, s.AddMember(t, s.Workspace, email).ID, role)
			must(err)
		}
		c.browsers[role] = s.SignedIn(t, email)
	}
	in := path.Workspace(id)
	c.ids = map[string]string{
		"/w": id, in.APIKeys(): old.ID, in.Members(): pending.ID, in.Seats(): seat.ID, in.Webhooks(): endpoint.ID,
		in.Webhook(endpoint.ID) + "/deliveries": deliveries.Items[0].ID, path.Passkeys: "pky_none",
	}
	return c
}

// path replaces the parameters of a route by IDs.
func (c crew) path(t *testing.T, route string) string {
	t.Helper()
	var path string
	for part := range strings.SplitSeq(strings.TrimPrefix(route, "/"), "/") {
		if strings.HasPrefix(part, ":") {
			if part = c.ids[path]; part == "" {
				t.Fatalf("%s: no item for the parameter after %s", route, path)
			}
		}
		path += "/" + part
	}
	return path
}

func TestRoles(t *testing.T) {
	c := newCrew(t)
	t.Run("every role on every route", func(t *testing.T) { testEveryRoute(t, c) })
	t.Run("every control that a page shows", func(t *testing.T) { testControls(t, c) })
}

// testEveryRoute checks each route of the router with each role: it answers 403 without changing anything
// exactly if the role lacks the permission in the table.
func testEveryRoute(t *testing.T, c crew) {
	table := dashboard.Permissions()
	var open []string
	for _, route := range slices.Sorted(maps.Keys(table)) {
		switch {
		case table[route] == "":
			open = append(open, route)
		case table[route] == models.ViewWorkspace && !strings.HasPrefix(route, http.MethodGet) && !slices.Contains(openToViewers, route):
			t.Errorf("%s is open to viewers, who change nothing", route)
		}
	}
	if diff := cmp.Diff(withoutPermission, open); diff != "" {
		t.Errorf("routes without a permission (-want +got):\n%s", diff)
	}
	for _, route := range c.Routes() {
		_, known := table[route.Method+" "+route.Path]
		_, moved := table[route.Method+" "+path.Workspace(":workspace").Page(route.Path)]
		other := slices.ContainsFunc([]string{"/api", "/v1", "/node/", "/verify", "/static", "/healthz", "/readyz", "/livez"}, func(prefix string) bool { return strings.HasPrefix(route.Path, prefix) })
		if !known && !moved && !other && route.Method != http.MethodHead && route.Method != "echo_route_not_found" {
			t.Errorf("%s %s isn't in the table of the dashboard", route.Method, route.Path)
		}
	}
	before := c.Dump(t)
	stranger := c.Browser(t)
	for route, permission := range table {
		method, pattern, _ := strings.Cut(route, " ")
		if permission == "" {
			continue
		}
		if got := send(stranger, method, c.path(t, pattern)); got.Status != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/login") {
			t.Errorf("stranger: %s: status = %d, Location %q; want 303 to /login", route, got.Status, got.Header.Get("Location"))
		}
	}
	for _, role := range models.Roles {
		for route, permission := range table {
			method, pattern, _ := strings.Cut(route, " ")
			if permission != "" && !role.May(permission) {
				got := send(c.browsers[role], method, c.path(t, pattern))
				if got.Status != http.StatusForbidden || !strings.Contains(got.Body, "Your role doesn’t allow this") {
					t.Errorf("%s: %s: status = %d, want 403 with an explanation", role, route, got.Status)
				}
			}
		}
	}
	if diff := cmp.Diff(before, c.Dump(t)); diff != "" {
		t.Errorf("rejected requests have changed the database:\n%s", diff)
	}
	for _, role := range models.Roles {
		for route, permission := range table {
			method, pattern, _ := strings.Cut(route, " ")
			var got handlerstest.Response
			switch {
			case permission == "" && method != http.MethodGet, route == leaveRoute, permission != "" && !role.May(permission):
				continue
			case method == http.MethodGet:
				got = c.browsers[role].Get(c.path(t, strings.NewReplacer(":token", "none", ":resource", "webhooks").Replace(pattern)))
			default: // of an item that doesn't exist, without values
				got = c.browsers[role].Post(strings.NewReplacer(":workspace", c.Workspace.ID, ":id", "none", ":delivery_id", "none").Replace(pattern), nil)
			}
			if got.Status == http.StatusForbidden || got.Status >= 500 {
				t.Errorf("%s: %s: status = %d", role, route, got.Status)
			}
		}
	}
}

// withoutWorkspace matches paths in attributes that lead to the workspace last used.
var withoutWorkspace = regexp.MustCompile(`"/(?:settings|search)\b[^"]*"`)

// testControls follows every link that each role sees, and checks that the role may use it and every form.
func testControls(t *testing.T, c crew) {
	table := dashboard.Permissions()
	controls := map[models.Role]map[string]bool{}
	for _, role := range models.Roles {
		controls[role] = map[string]bool{}
		seen, queue := map[string]bool{}, []string{"/settings/api-keys", "/settings/api-keys?status=deleted", "/settings/members?status=deactivated", "/settings/webhooks"}
		for len(queue) > 0 {
			path := queue[0]
			queue = queue[1:]
			if address, err := url.Parse(path); err != nil || seen[address.Path+address.Query().Get("review")+address.Query().Get("status")] {
				continue
			} else {
				seen[address.Path+address.Query().Get("review")+address.Query().Get("status")] = true
			}
			page := c.browsers[role].Get(path)
			if page.Status == http.StatusForbidden || page.Status >= 500 {
				t.Errorf("%s sees a link to %s: status = %d", role, path, page.Status)
				continue
			}
			if role == models.Viewer {
				page.WantWithout(t, secretPath)
			}
			for _, link := range withoutWorkspace.FindAllString(page.Body, -1) {
				if !strings.HasPrefix(link, `"/settings/account`) {
					t.Errorf("%s has %s, which doesn't name the workspace. Use path.In(ctx).", path, link)
				}
			}
			document(t, page).Find("a[href], form, [hx-get], [hx-post], [formaction]").Each(func(_ int, e *goquery.Selection) {
				get := e.AttrOr("href", e.AttrOr("hx-get", ""))
				if e.Is("form") && e.AttrOr("method", "get") == "get" {
					get = e.AttrOr("action", "")
				}
				if strings.HasPrefix(get, "/w/") || strings.HasPrefix(get, "/settings/account") {
					queue = append(queue, get)
				}
				post := e.AttrOr("hx-post", e.AttrOr("formaction", ""))
				if e.Is("form[method=post]") {
					post = e.AttrOr("action", "")
				}
				if post == "" {
					return
				}
				route := routeOf(table, http.MethodPost, post)
				controls[role][route] = true
				if permission, known := table[route]; !known || permission != "" && !role.May(permission) {
					t.Errorf("%s: %s has a control that they can't use: POST %s", role, path, post)
				}
			})
		}
	}
	if n := len(controls[models.Viewer]); n > 14 {
		t.Errorf("viewers see %d kinds of forms: %v", n, slices.Sorted(maps.Keys(controls[models.Viewer])))
	}
	for role, some := range map[models.Role][]string{
		models.KeyManager: {"POST /w/:workspace/settings/api-keys", "POST /w/:workspace/settings/api-keys/:id/delete", "POST /w/:workspace/settings/api-keys/:id/rotation", "POST /w/:workspace/settings/webhooks/:id/secret"},
		models.Admin:      {"POST /w/:workspace/settings/members/:id/role", "POST /w/:workspace/settings/seats/:id/release", "POST /w/:workspace/settings/policy"},
	} {
		for _, route := range some {
			if !controls[role][route] {
				t.Errorf("%s sees no control for %s", role, route)
			}
		}
	}
}

// routeOf returns the route of a URL, as "METHOD path".
func routeOf(table map[string]models.Permission, method, address string) string {
	path, _, _ := strings.Cut(address, "?")
	best := ""
	for route := range table {
		pattern, of := strings.CutPrefix(route, method+" ")
		if of && matchesPattern(pattern, path) && (best == "" || strings.Count(route, ":") < strings.Count(best, ":")) {
			best = route
		}
	}
	return best
}

func matchesPattern(pattern, path string) bool {
	parts, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(parts, got, func(part, value string) bool { return part == value || strings.HasPrefix(part, ":") })
}

// TestRoleChangeAppliesToTheNextRequest checks that a session goes on with the new role, and that the last
// admin keeps theirs.
func TestRoleChangeAppliesToTheNextRequest(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		kim := s.AddMember(t, s.Workspace, "kim@acme.test")
		admin, b := s.SignedIn(t, handlerstest.AdminEmail), s.SignedIn(t, "kim@acme.test")
		for _, step := range []struct {
			role   models.Role
			label  string
			status int
		}{{models.KeyManager, "Key manager", http.StatusOK}, {models.Viewer, "Viewer", http.StatusForbidden}, {models.Admin, "Admin", http.StatusOK}} {
			admin.Post("/settings/members/"+kim.ID+"/role", url.Values{"role": {string(step.role)}}).WantRedirect(t, "/settings/members")
			b.Get("/settings/api-keys/new").Want(t, step.status)
			b.Get("/settings/account").Want(t, http.StatusOK, step.label)
		}
		history := document(t, admin.Get("/settings/audit-log")).Find("main").Text()
		modelstest.Contains(t, "audit log", history, "Key manager", "Viewer")
	})
}

// TestKeyManagersGrantOnlyWhatTheirRoleAllows checks that a key manager can't get around their role with a
// key: not by creating, changing, rotating, or copying one.
func TestKeyManagersGrantOnlyWhatTheirRoleAllows(t *testing.T) {
	s := handlerstest.New(t)
	kim := s.AddMember(t, s.Workspace, "kim@acme.test")
	if _, err := s.ChangeMemberRole(context.Background(), s.Workspace.ID, kim.ID, models.KeyManager); err != nil {
		t.Fatal(err)
	}
	powerful, _, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Powerful", Scopes: scope.All})
	if err != nil {
		t.Fatal(err)
	}
	weak := s.NamedKey(t, s.Workspace.ID, "Weak")
	b := s.SignedIn(t, "kim@acme.test")
	form := func(scopes ...string) url.Values {
		return url.Values{"name": {"Mine"}, "form_id": {"f" + strings.Join(scopes, "")}, "expiry": {"never"}, "scopes": scopes}
	}
	const message = "your role can grant, not"
	b.Post("/settings/api-keys", form("members.write", "members.read")).Want(t, http.StatusUnprocessableEntity, message, "members.write")
	b.Post("/settings/api-keys", form("seats.write")).Want(t, http.StatusUnprocessableEntity, message)
	before := document(t, b.Get("/settings/api-keys/"+weak.ID+"/access")).Find("input[name=access_before]").AttrOr("value", "")
	widen := form("seats.write")
	widen.Set("access_before", before)
	b.Post("/settings/api-keys/"+weak.ID+"/access", widen).Want(t, http.StatusUnprocessableEntity, message)
	b.Post("/settings/api-keys/"+powerful.ID+"/rotation", form("members.write")).Want(t, http.StatusUnprocessableEntity, "members.write")
	for _, path := range []string{"/settings/api-keys/new", "/settings/api-keys/new?from=" + powerful.ID, "/settings/api-keys/" + weak.ID + "/access"} {
		b.Get(path).WantWithout(t, `value="members.write"`, `value="seats.write"`)
	}
	everything := url.Values{"preset": {"everything"}, "form_id": {"x"}}
	created := document(t, b.Post("/settings/api-keys/new", everything))
	if n := created.Find("input[name=scopes][checked]").Length(); n != scope.All.Len()-2 {
		t.Errorf("preset selects %d scopes, want all but 2", n)
	}
	b.Get("/settings/api-keys/"+powerful.ID).WantWithout(t, "/rotation")
	b.Post("/settings/api-keys", form("api_keys.write", "members.read")).Want(t, http.StatusCreated)
	b.Post("/settings/api-keys/"+powerful.ID+"/delete", url.Values{"confirm_name": {"Powerful"}}).Want(t, http.StatusSeeOther)
	if list := keysOf(t, s); len(list) != 2 {
		t.Errorf("keys = %d, want the weak one and the new one", len(list))
	}
}
