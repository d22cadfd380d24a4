package dashboard_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/docs"
)

// fixtures maps the shell variables in the commands of the reference to the IDs of test data.
type fixtures map[string]string

// prepare sets up what the example of an operation needs in addition to createFixtures.
var prepare = map[string]func(t *testing.T, s *handlerstest.Server, created fixtures){
	"resumeMeetingRequest": func(t *testing.T, s *handlerstest.Server, created fixtures) {
		_, err := s.PauseMeetingRequest(t.Context(), s.Workspace.ID, created["MEETING_REQUEST_ID"])
		must(t, err)
	},
	"createMember": func(t *testing.T, s *handlerstest.Server, _ fixtures) {
		s.Exec(t, "DELETE FROM seats")
		s.Exec(t, "DELETE FROM members WHERE role = 'member'")
		s.Exec(t, "DELETE FROM users WHERE name <> 'Ada Admin'")
	},
	"reactivateMember": func(t *testing.T, s *handlerstest.Server, created fixtures) {
		_, err := s.DeactivateMember(t.Context(), s.Workspace.ID, created["WORKSPACE_MEMBER_ID"])
		must(t, err)
	},
	"createSeat": func(t *testing.T, s *handlerstest.Server, created fixtures) {
		must(t, s.ReleaseSeat(t.Context(), s.Workspace.ID, created["SEAT_ID"]))
	},
	"updateSeats": func(t *testing.T, s *handlerstest.Server, created fixtures) {
		must(t, s.ReleaseSeat(t.Context(), s.Workspace.ID, created["SEAT_ID"]))
	},
	"showAPIKeyUsage": func(t *testing.T, s *handlerstest.Server, created fixtures) {
		s.Want(t, http.StatusOK, created["SKIPUP_API_KEY"], "GET", "/workspace_members", "")
		s.Want(t, http.StatusForbidden, created["SKIPUP_API_KEY"], "GET", "/seats", "")
		s.Flush(t)
	},
	"listWebhookDeliveries": func(t *testing.T, s *handlerstest.Server, _ fixtures) {
		s.Exec(t, "UPDATE webhook_deliveries SET status = 'success', attempts = 1, response_code = 204, next_attempt_at = NULL, "+
			"last_attempted_at = created_at, delivered_at = created_at")
	},
	"retryWebhookDelivery": func(t *testing.T, s *handlerstest.Server, _ fixtures) {
		s.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL")
	},
	"listAuditEvents": func(t *testing.T, s *handlerstest.Server, created fixtures) {
		ctx := models.WithActor(t.Context(), models.Actor{
			Type: models.ActorMember, ID: s.Admin.ID, Name: s.Admin.User.Name, Role: models.Admin, Address: "203.0.113.7",
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		})
		_, err := s.ChangeMemberRole(ctx, s.Workspace.ID, created["WORKSPACE_MEMBER_ID"], models.KeyManager)
		must(t, err)
	},
	"listMembers": func(t *testing.T, s *handlerstest.Server, _ fixtures) {
		s.Exec(t, "UPDATE members SET deactivated_at = created_at WHERE role = 'admin'")
	},
}

// createFixtures creates the data that the examples refer to: Grace, who has a seat, a meeting request,
// and the key that sends the request, with members.read and the scope of the operation.
func createFixtures(t *testing.T, s *handlerstest.Server, operation docs.Operation) (key string, created fixtures) {
	t.Helper()
	scopes := []scope.Scope{}
	if operation.Scope != "" {
		needed, _ := scope.Builtin.ParseSet(strings.Fields(operation.Scope))
		scopes = append(scopes, needed.Scopes()...)
	}
	if operation.ID != "deleteAPIKey" {
		scopes = append(scopes, scope.MembersRead)
	}
	if operation.Scope == scope.WebhooksWrite.String() { // to subscribe to the events in the examples
		scopes = append(scopes, scope.MeetingRequestsRead)
	}
	row, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Nightly sync", Scopes: scope.Of(scopes...), OwnerID: s.Admin.ID})
	must(t, err)
	description := "For the CRM"
	endpoint, _, err := s.CreateWebhookEndpoint(t.Context(), s.Workspace.ID, models.NewWebhookEndpoint{
		URL: "https://hooks.example.com/skipup", Description: &description, Events: []string{"meeting_request.booked", "member.added"},
	})
	must(t, err)
	grace, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: "grace@acme.test", Name: "Grace Hopper"})
	must(t, err)
	seat, err := s.AssignSeat(t.Context(), s.Workspace.ID, grace.ID)
	must(t, err)
	deliveries, err := s.WebhookDeliveries(t.Context(), s.Workspace.ID, endpoint.ID, models.DeliveryFilter{}, models.Page{})
	must(t, err)
	create := operationNamed(t, "createMeetingRequest")
	var meeting struct{ Data struct{ ID string } }
	s.Want(t, http.StatusAccepted, s.Key(t, scope.MeetingRequestsWrite), "POST", "/meeting_requests", create.BodyExample).JSON(t, &meeting)
	if operation.ID == "listAPIKeys" {
		s.Exec(t, "UPDATE api_keys SET deleted_at = created_at WHERE name = 'Test key'")
	}
	return secret.Reveal(), fixtures{
		"SKIPUP_API_KEY": secret.Reveal(), "WEBHOOK_ENDPOINT_ID": endpoint.ID, "DELIVERY_ID": deliveries.Items[0].ID,
		"API_KEY_ID": row.ID, "WORKSPACE_MEMBER_ID": grace.ID, "SEAT_ID": seat.ID, "MEETING_REQUEST_ID": meeting.Data.ID,
	}
}

func operationNamed(t *testing.T, id string) docs.Operation {
	t.Helper()
	for _, resource := range docs.Reference() {
		for _, operation := range resource.Operations {
			if operation.ID == id {
				return operation
			}
		}
	}
	t.Fatalf("no operation %q in the document", id)
	return docs.Operation{}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eachCommand runs the command shown for each operation in a shell, on a server of its own whose clock
// is advanced first. It calls check with what the document shows as the response, and with the response,
// each followed by its status.
func eachCommand(t *testing.T, advance time.Duration, check func(t *testing.T, shown, got string)) {
	t.Helper()
	for _, resource := range docs.Reference() {
		s := handlerstest.New(t)
		page := parsed(t, s.Browser(t).Get("/docs/"+resource.Slug))
		for _, operation := range resource.Operations {
			t.Run(operation.ID, func(t *testing.T) {
				s := handlerstest.New(t)
				s.Clock.Advance(advance)
				key, created := createFixtures(t, s, operation)
				if set := prepare[operation.ID]; set != nil {
					set(t, s, created)
				}
				line := page.Find("#" + operation.ID + "-curl").Text()
				shown := page.Find("#" + operation.ID + " .docs-response code").Text()
				line = strings.ReplaceAll(line, regexp.MustCompile(`http://[^/]+`).FindString(line), s.URL)
				for name, id := range created { // IDs in example bodies
					prefix, _, _ := strings.Cut(id, "_")
					line = regexp.MustCompile(`"`+prefix+`_[0-9A-Z]{26}"`).ReplaceAllString(line, `"`+id+`"`)
					t.Setenv(name, id)
				}
				t.Setenv("SKIPUP_API_KEY", key)
				check(t, shown+"\n"+operation.Response.Status, run(t, line+" -w '\\n%{http_code}'"))
			})
		}
	}
}

// TestReferenceExamples compares the response to each command with the example beside it.
func TestReferenceExamples(t *testing.T) {
	eachCommand(t, 0, checkResponse)
}

// TestReferenceCommandsWorkToday checks that each command succeeds today, and for a year.
func TestReferenceCommandsWorkToday(t *testing.T) {
	untilNow := time.Since(handlerstest.New(t).Clock.Now())
	eachCommand(t, untilNow+365*24*time.Hour, func(t *testing.T, shown, got string) {
		_, want, _ := cutLast(shown, "\n")
		if body, status, _ := cutLast(got, "\n"); status != want {
			t.Errorf("status = %s, want %s: %s", status, want, body)
		}
	})
}

// TestReferenceCommandsDoNotCollide checks that someone who runs all commands sends no idempotency key
// twice.
func TestReferenceCommandsDoNotCollide(t *testing.T) {
	used := map[string]string{}
	for _, resource := range docs.Reference() {
		for _, operation := range resource.Operations {
			if key := operation.IdempotencyKey; key != "" {
				if other := used[key]; other != "" {
					t.Errorf("%s and %s both send the idempotency key %q", other, operation.ID, key)
				}
				used[key] = operation.ID
			}
		}
	}
	if len(used) == 0 {
		t.Error("no command sends an idempotency key")
	}
}

// run returns the output of a shell command.
func run(t *testing.T, line string) string {
	t.Helper()
	command := exec.Command("bash", "-c", line)
	command.Env = append(os.Environ(), "no_proxy=*")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// varying matches what differs between runs.
var varying = regexp.MustCompile(`(mr|mem|key|seat|ws|we|whd|evt|aud)_[0-9A-Z]{26}|sk_live_[0-9A-Za-z]{36}|sk_live_\w{4}\.{4}|whsec_[0-9A-Za-z+/=]+|[0-9a-f]{64}`)

// checkResponse compares a body followed by a status, except for what varies.
func checkResponse(t *testing.T, want, got string) {
	t.Helper()
	read := func(text string) any {
		body, status, _ := cutLast(strings.TrimSpace(varying.ReplaceAllString(text, "$1_…")), "\n")
		var value any
		if body != "" {
			if err := json.Unmarshal([]byte(body), &value); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
		}
		return []any{value, status}
	}
	if diff := cmp.Diff(read(want), read(got)); diff != "" {
		t.Errorf("response mismatch (-document +server):\n%s", diff)
	}
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(separator):], true
}

func parsed(t *testing.T, response handlerstest.Response) *goquery.Document {
	t.Helper()
	if response.Status != http.StatusOK {
		t.Fatalf("status = %d, want 200\n%s", response.Status, response.Body)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(response.Body))
	must(t, err)
	return page
}

// TestReferenceShowsEveryRoute checks the method, path and scope of each route, without signing in.
func TestReferenceShowsEveryRoute(t *testing.T) {
	s := handlerstest.New(t)
	guides := parsed(t, s.Browser(t).Get("/docs"))
	shown := map[string]string{}
	for _, resource := range docs.Reference() {
		if guides.Find(`nav a[href="/docs/`+resource.Slug+`"]`).Length() == 0 {
			t.Errorf("no link to %s in the navigation of /docs", resource.Name)
		}
		page := parsed(t, s.Browser(t).Get("/docs/"+resource.Slug))
		page.Find("section.docs-section").Each(func(_ int, section *goquery.Selection) {
			path := strings.NewReplacer(api.Base, "", "{", ":", "}", "").Replace(section.Find("p .method + code").Text())
			shown[section.Find("p .method").Text()+" "+path] = section.Find(".chip code").First().Text()
			id, _ := section.Attr("id")
			if page.Find(`nav a[href="#`+id+`"]`).Length() != 1 || guides.Find("nav").Length() != 1 {
				t.Errorf("no link to %s in the navigation", id)
			}
		})
	}
	for _, route := range api.Routes(s.Store.Store) {
		name, found := shown[route.Name()]
		if !found {
			t.Errorf("%s is not in the reference", route.Name())
		}
		if !route.Scopes.IsEmpty() && name != route.ScopeNames() {
			t.Errorf("scope of %s = %q, want %q", route.Name(), name, route.ScopeNames())
		}
	}
	if got := s.Browser(t).Get("/docs/nothing"); got.Status != http.StatusNotFound {
		t.Errorf("unknown resource: status = %d, want 404", got.Status)
	}
}
