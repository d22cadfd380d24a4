package dashboard_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/views/docs"
)

// things are what the examples in the reference speak of, by the variables of their commands.
type things map[string]string

// prepare makes what must be there before the example of an operation is sent, where more is
// needed than there always is: see makeThings.
var prepare = map[string]func(t *testing.T, s *handlerstest.Server, made things){
	"resumeMeetingRequest": func(t *testing.T, s *handlerstest.Server, made things) {
		_, err := s.PauseMeetingRequest(t.Context(), s.Workspace.ID, made["MEETING_REQUEST_ID"])
		must(t, err)
	},
	"createMember": func(t *testing.T, s *handlerstest.Server, _ things) {
		s.Exec(t, "DELETE FROM seats")
		s.Exec(t, "DELETE FROM members WHERE role = 'member'")
		s.Exec(t, "DELETE FROM users WHERE name <> 'Ada Admin'")
	},
	"reactivateMember": func(t *testing.T, s *handlerstest.Server, made things) {
		_, err := s.DeactivateMember(t.Context(), s.Workspace.ID, made["WORKSPACE_MEMBER_ID"])
		must(t, err)
	},
	"createSeat": func(t *testing.T, s *handlerstest.Server, made things) {
		must(t, s.ReleaseSeat(t.Context(), s.Workspace.ID, made["SEAT_ID"]))
	},
	"updateSeats": func(t *testing.T, s *handlerstest.Server, made things) {
		must(t, s.ReleaseSeat(t.Context(), s.Workspace.ID, made["SEAT_ID"]))
	},
	"showAPIKeyUsage": func(t *testing.T, s *handlerstest.Server, made things) {
		s.Want(t, http.StatusOK, made["SKIPUP_API_KEY"], "GET", "/workspace_members", "")
		s.Want(t, http.StatusForbidden, made["SKIPUP_API_KEY"], "GET", "/seats", "")
		s.Flush(t)
	},
	"listWebhookDeliveries": func(t *testing.T, s *handlerstest.Server, _ things) {
		s.Exec(t, "UPDATE webhook_deliveries SET status = 'success', attempts = 1, response_code = 204, next_attempt_at = NULL, "+
			"last_attempted_at = created_at, delivered_at = created_at")
	},
	"retryWebhookDelivery": func(t *testing.T, s *handlerstest.Server, _ things) {
		s.Exec(t, "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL")
	},
	"listMembers": func(t *testing.T, s *handlerstest.Server, _ things) {
		s.Exec(t, "UPDATE members SET deactivated_at = created_at WHERE role = 'admin'")
	},
}

// makeThings makes what the examples speak of: Grace, who has a seat, a meeting request, and the
// key that asks, which holds members.read and the scope of the operation.
func makeThings(t *testing.T, s *handlerstest.Server, operation docs.Operation) (key string, made things) {
	t.Helper()
	scopes := []scope.Scope{}
	if operation.Scope != "" {
		needed, _ := scope.Parse(operation.Scope)
		scopes = append(scopes, needed)
	}
	if operation.ID != "deleteAPIKey" {
		scopes = append(scopes, scope.MembersRead)
	}
	row, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "Nightly sync", Scopes: scope.Of(scopes...)})
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
	return secret.Reveal(), things{
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
	t.Fatalf("the document has no operation %s", id)
	return docs.Operation{}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReferenceIsTrue runs the command that the reference shows for each operation, as a person
// would who pastes it, and compares what is answered with what it shows beside it.
func TestReferenceIsTrue(t *testing.T) {
	for _, resource := range docs.Reference() {
		s := handlerstest.New(t)
		page := parsed(t, s.Browser(t).Get("/docs/"+resource.Slug))
		for _, operation := range resource.Operations {
			t.Run(operation.ID, func(t *testing.T) {
				s := handlerstest.New(t)
				key, made := makeThings(t, s, operation)
				if more := prepare[operation.ID]; more != nil {
					more(t, s, made)
				}
				line := page.Find("#" + operation.ID + "-curl").Text()
				shown := page.Find("#" + operation.ID + " .docs-answer code").Text()
				line = strings.ReplaceAll(line, regexp.MustCompile(`http://[^/]+`).FindString(line), s.URL)
				for name, id := range made { // the ids in the bodies of the examples
					prefix, _, _ := strings.Cut(id, "_")
					line = regexp.MustCompile(`"`+prefix+`_[0-9A-Z]{26}"`).ReplaceAllString(line, `"`+id+`"`)
					t.Setenv(name, id)
				}
				t.Setenv("SKIPUP_API_KEY", key)
				checkAnswer(t, run(t, line+" -w '\\n%{http_code}'"), shown+"\n"+operation.Answer.Status)
			})
		}
	}
}

// run has a shell run a line and returns what it prints.
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

// varying are what differs from one run to the next.
var varying = regexp.MustCompile(`(mr|mem|key|seat|ws|we|whd|evt)_[0-9A-Z]{26}|sk_live_[0-9A-Za-z]{36}|sk_live_\w{4}\.{4}|whsec_[0-9A-Za-z+/=]+`)

// checkAnswer compares a body and the status behind it, but for what varies.
func checkAnswer(t *testing.T, got, want string) {
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
		t.Errorf("(-document +answer): %s", diff)
	}
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(separator):], true
}

func parsed(t *testing.T, answer handlerstest.Answer) *goquery.Document {
	t.Helper()
	if answer.Status != http.StatusOK {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(answer.Body))
	must(t, err)
	return page
}

// TestReferenceShowsEveryRoute with its method, path and scope, to everybody.
func TestReferenceShowsEveryRoute(t *testing.T) {
	s := handlerstest.New(t)
	guides := parsed(t, s.Browser(t).Get("/docs"))
	shown := map[string]string{}
	for _, resource := range docs.Reference() {
		if guides.Find(`nav a[href="/docs/`+resource.Slug+`"]`).Length() == 0 {
			t.Errorf("/docs has no link to %s", resource.Name)
		}
		page := parsed(t, s.Browser(t).Get("/docs/"+resource.Slug))
		page.Find("section.docs-section").Each(func(_ int, section *goquery.Selection) {
			path := strings.NewReplacer(api.Base, "", "{", ":", "}", "").Replace(section.Find("p .method + code").Text())
			shown[section.Find("p .method").Text()+" "+path] = section.Find(".chip code").First().Text()
			id, _ := section.Attr("id")
			if page.Find(`nav a[href="#`+id+`"]`).Length() != 1 || guides.Find("nav").Length() != 1 {
				t.Errorf("the navigation has no link to %s", id)
			}
		})
	}
	for _, route := range api.Routes(s.Store.Store) {
		if word, is := shown[route.Name()]; !is || route.Scope != nil && word != route.ScopeWord() {
			t.Errorf("%s is shown: %v, with scope %q", route.Name(), is, word)
		}
	}
	if got := s.Browser(t).Get("/docs/nothing"); got.Status != http.StatusNotFound {
		t.Errorf("what is no resource: %d", got.Status)
	}
}
