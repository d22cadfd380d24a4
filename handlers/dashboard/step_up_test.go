package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/dashboard"
	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestStepUp checks that a sensitive form that is sent too late after the last proof asks for another one, keeps what
// was entered, and continues with the answer.
func TestStepUp(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		b := s.SignedIn(t, handlerstest.AdminEmail)
		form := url.Values{"form_id": {"step-up"}, "name": {"Nightly <sync>"}, "expiry": {"never"}, "scopes": {"seats.read", "members.read"}}
		s.Clock.Advance(models.ProofLife - time.Second)
		b.Post("/settings/api-keys", form).Want(t, http.StatusCreated)
		s.Clock.Advance(time.Second)

		form.Set("form_id", "later")
		asked := b.Post("/settings/api-keys", form)
		asked.Want(t, http.StatusForbidden, "Confirm it’s you", "Enter your password", `value="Nightly &lt;sync&gt;"`)
		modelstest.Equal(t, "keys while asking", len(keysOf(t, s)), 1)
		answer := fieldsOf(t, asked)
		answer.Set("proof", "wrong")
		wrong := b.Post("/settings/api-keys", answer)
		wrong.Want(t, http.StatusUnprocessableEntity, "The password is incorrect.")
		wrong.WantWithout(t, `value="wrong"`)
		answer = fieldsOf(t, wrong)
		answer.Set("proof", modelstest.Password)
		b.Post("/settings/api-keys", answer).Want(t, http.StatusCreated, "Nightly &lt;sync&gt;")
		modelstest.Equal(t, "scopes", keysOf(t, s)[0].Scopes.String(), "members.read seats.read")
		form.Set("form_id", "soon after")
		b.Post("/settings/api-keys", form).Want(t, http.StatusCreated)
		if strings.Contains(s.Log.String(), modelstest.Password) {
			t.Error("the log contains the password")
		}

		app := s.AddSecondFactor(t, s.Admin.UserID)
		s.Clock.Advance(models.ProofLife)
		form.Set("form_id", "with a code")
		answer = fieldsOf(t, b.Post("/settings/api-keys", form))
		answer.Set("proof", modelstest.Password) // isn't enough
		b.Post("/settings/api-keys", answer).Want(t, http.StatusUnprocessableEntity, "This code is incorrect")
		answer.Set("proof", app.Code(t))
		b.Post("/settings/api-keys", answer).Want(t, http.StatusCreated)
		s.Clock.Advance(models.ProofLife)
		for range 5 { // with the share of the network, which one attempt has used
			answer.Set("proof", "000000")
			b.Post("/settings/api-keys", answer)
		}
		answer.Set("proof", app.Recovery[0].Reveal())
		b.Post("/settings/api-keys", answer).Want(t, http.StatusTooManyRequests, "Too many attempts. Try again in 1 second.")
	})
}

// TestStepUpRoutes sends each form in the table too late. A page with passwords is opened again, because they
// aren't kept.
func TestStepUpRoutes(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	app := s.AddSecondFactor(t, s.Admin.UserID)
	s.Clock.Advance(models.ProofLife)
	for _, route := range dashboard.StepUpRoutes() {
		method, path, _ := strings.Cut(strings.NewReplacer(":workspace", s.Workspace.ID, ":id", "id_none").Replace(route), " ")
		got := b.Get(path)
		if method == http.MethodPost {
			got = b.Post(path, url.Values{"password": {"typed"}})
		}
		got.Want(t, http.StatusForbidden, "Confirm it’s you", `name="proof"`, `name="proof_next"`)
		got.WantWithout(t, "typed")
	}
	answer := fieldsOf(t, b.Get("/settings/account/second-factor"))
	answer.Set("proof", app.Code(t))
	b.Post("/settings/account/second-factor", answer).WantRedirect(t, "/settings/account/second-factor")
	b.Get("/settings/account/second-factor").Want(t, http.StatusOK, "Replace your authenticator app")
	s.Clock.Advance(models.ProofLife)
	answer = fieldsOf(t, b.Post("/settings/account/password", url.Values{"password": {modelstest.Password}, "new_password": {"nine patient gardeners"}}))
	answer.Set("proof", app.Code(t))
	b.Post("/settings/account/password", answer).WantRedirect(t, "/")
	changed := b.Post("/settings/account/password", url.Values{"password": {modelstest.Password}, "new_password": {"nine patient gardeners"}})
	changed.WantRedirect(t, "/settings/account")
}

// fieldsOf returns the fields of the form on the page that asks for a proof.
func fieldsOf(t *testing.T, page handlerstest.Response) url.Values {
	t.Helper()
	fields := url.Values{}
	document(t, page).Find("#panel form input").Each(func(_ int, input *goquery.Selection) {
		fields.Add(input.AttrOr("name", ""), input.AttrOr("value", ""))
	})
	if !fields.Has("proof") {
		t.Fatalf("the page asks for no proof:\n%s", page.Body)
	}
	return fields
}
