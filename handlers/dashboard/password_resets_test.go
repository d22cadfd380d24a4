package dashboard_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// values matches the values in a statement, which differ between emails.
var values = regexp.MustCompile(`'(?:[^']|'')*'|x'[^']*'|elapsed=\S+|\btook_ms=\S+|\d+(?:\.\d+)?(?:ms|µs|s)\b`)

// TestResetRequestsDoNotDiffer checks that neither the response to a forgotten password nor the work that it
// takes tells whether there is an account. The email is prepared by a worker, after the response.
func TestResetRequestsDoNotDiffer(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		s := handlerstest.On(t, store.Mailing(t).Logging(t, slog.New(statements{})))
		add := func(email string) *models.Member {
			member, err := s.Store.Store.AddMember(t.Context(), s.Workspace.ID, models.NewMember{Email: email})
			if err != nil {
				t.Fatal(err)
			}
			return member
		}
		add("pending@acme.test")
		deactivated := add("deactivated@acme.test")
		if _, err := s.DeactivateMember(t.Context(), s.Workspace.ID, deactivated.ID); err != nil {
			t.Fatal(err)
		}
		type result struct {
			Status   int
			Location string
			Body     string
			Work     []string
		}
		ask := func(email string) (r result) {
			b := s.Browser(t)
			got := b.Post("/forgot-password", url.Values{"email": {email}})
			r.Status, r.Location, r.Body = got.Status, got.Header.Get("Location"), got.Body
			request := s.Request(t, http.MethodPost, "/forgot-password", url.Values{"email": {email}}.Encode())
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Sec-Fetch-Site", "same-origin")
			for _, statement := range statementsOf(t, s, b, request, http.StatusSeeOther) {
				r.Work = append(r.Work, values.ReplaceAllString(statement, "?"))
			}
			return r
		}
		ask("first@acme.test") // creates the rows of the IP address
		want := ask("unknown@acme.test")
		if len(want.Work) == 0 {
			t.Fatal("no statements were counted")
		}
		for _, email := range []string{handlerstest.AdminEmail, "pending@acme.test", "deactivated@acme.test"} {
			if diff := cmp.Diff(want, ask(email)); diff != "" {
				t.Errorf("%s (-unknown +got):\n%s", email, diff)
			}
		}
		for _, statement := range want.Work {
			if strings.Contains(statement, "FROM users") || strings.Contains(statement, `FROM "users"`) {
				t.Errorf("the request reads users: %s", statement)
			}
		}
	})
}

// TestResetLinkIsNotUsedByOpeningIt checks that programs that preview links don't use them up, and that no
// other request learns the token.
func TestResetLinkIsNotUsedByOpeningIt(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		link, err := s.CreateResetLinkAsOperator(t.Context(), handlerstest.AdminEmail)
		if err != nil {
			t.Fatal(err)
		}
		path, b := "/reset-password/"+link.Token, s.SignedIn(t, handlerstest.AdminEmail)
		for range 2 {
			got := b.Get(path)
			got.Want(t, http.StatusOK, handlerstest.AdminEmail)
			got.WantHeader(t, "Referrer-Policy", "strict-origin")
		}
		b.Post(path, url.Values{"password": {"short"}}).Want(t, http.StatusUnprocessableEntity, "must have at least 15 characters")
		b.Post(path, url.Values{"password": {"nine patient gardeners"}}).WantRedirect(t, "/login?next=&signed_out=new")
		b.Get("/login?next=&signed_out=new").Want(t, http.StatusOK, "Password changed. Sign in with your new password.")
		for _, got := range []handlerstest.Response{b.Get(path), b.Post(path, url.Values{"password": {"ten patient gardeners"}})} {
			got.Want(t, http.StatusNotFound, "This link no longer works")
		}
		if strings.Contains(s.Log.String(), link.Token) {
			t.Error("the log contains the token")
		}
	})
}
