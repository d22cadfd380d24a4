package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/scope"
)

// rotationTest is a key and its replacement.
type rotationTest struct {
	*handlerstest.Server
	t        *testing.T
	b        *handlerstest.Browser
	old      *models.APIKey
	path     string // of the rotation's page
	key, new string
}

// newRotation makes a key that may read and change seats.
func newRotation(t *testing.T, s *handlerstest.Server) *rotationTest {
	t.Helper()
	old, secret, err := s.CreateAPIKey(t.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI <robot>", Scopes: scope.Of(scope.SeatsRead, scope.SeatsWrite)})
	if err != nil {
		t.Fatal(err)
	}
	return &rotationTest{Server: s, t: t, b: s.SignedIn(t, handlerstest.AdminEmail), old: old, path: listPath + "/" + old.ID + "/rotation", key: secret.Reveal()}
}

// call sends a request as a client that says who it is, and has its use stored.
func (r *rotationTest) call(key, agent, path string) int {
	r.t.Helper()
	request := r.Request(r.t, http.MethodGet, "/api/v1"+path, "")
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("User-Agent", agent)
	answer := handlerstest.Send(r.t, http.DefaultClient, request)
	r.Flush(r.t)
	return answer.Status
}

// rotate sends the form as the page shows it, with changes.
func (r *rotationTest) rotate(changes url.Values) handlerstest.Response {
	r.t.Helper()
	form := url.Values{"expiry": {"keep"}}
	page := document(r.t, r.b.Get(r.path))
	page.Find(`input[name="form_id"], input[name="scopes"][checked]`).Each(func(_ int, field *goquery.Selection) {
		form.Add(field.AttrOr("name", ""), field.AttrOr("value", ""))
	})
	for name, values := range changes {
		form[name] = values
	}
	answer := r.b.Post(r.path, form)
	r.new = keyText.FindString(answer.Body)
	return answer
}

// callers returns the callers of the old key as the page shows them, with a mark for those that switched.
func (r *rotationTest) callers() []string {
	r.t.Helper()
	var callers []string
	document(r.t, r.b.Get(r.path)).Find(`section[aria-labelledby="callers"] [data-caller]`).Each(func(_ int, row *goquery.Selection) {
		caller := row.Find("bdi").Text()
		if _, moved := row.Attr("data-switched"); moved {
			caller += " ✓"
		}
		callers = append(callers, caller)
	})
	return callers
}

func (r *rotationTest) want(callers ...string) {
	r.t.Helper()
	if diff := cmp.Diff(callers, r.callers()); diff != "" {
		r.t.Errorf("callers (-want +got):\n%s", diff)
	}
}

func (r *rotationTest) wantText(words string) {
	r.t.Helper()
	r.b.Get(r.path).Want(r.t, http.StatusOK, words)
}

func TestRotation(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		r := newRotation(t, s)
		r.call(r.key, "sync/1", "/seats")
		r.call(r.key, "cron/2", "/seats")
		created := r.rotate(nil)
		created.Want(t, http.StatusCreated)
		created.WantHeader(t, "Cache-Control", "no-store")
		if r.new == "" {
			t.Fatal("the page doesn't show the new key")
		}
		if r.new == r.key {
			t.Error("the new key is the old one")
		}
		if next := document(t, created).Find(`#panel[data-after-close$="` + r.path + `"]`).Length(); next != 1 {
			t.Error("the page of the new key does not lead to the rotation")
		}
		r.want("cron 2", "sync 1")
		r.wantText("Update your integrations")

		s.Clock.Advance(time.Minute)
		r.call(r.new, "sync/1", "/seats")
		r.want("cron 2", "sync 1 ✓")
		r.wantText("1 of 2 callers switched")
		r.call(r.key, "late/3", "/seats") // a new caller of the old key
		r.want("late 3", "cron 2", "sync 1 ✓")

		wrong := r.b.Post(r.path+"/finish", url.Values{"confirm_name": {"CI <robot>"}})
		wrong.Want(t, http.StatusUnprocessableEntity, "Reason is required.")
		modelstest.Equal(t, "DeletedAt", keysOf(t, s)[1].DeletedAt, nil)
		modelstest.Equal(t, "name entered", document(t, wrong).Find(`input[name="confirm_name"]`).AttrOr("value", ""), "CI <robot>")
		wrong = r.b.Post(r.path+"/finish", url.Values{"confirm_name": {"CI"}, "reason": {"It is <old>"}})
		modelstest.Equal(t, "reason entered", document(t, wrong).Find(`input[name="reason"]`).AttrOr("value", ""), "It is <old>")
		modelstest.Equal(t, "DeletedAt", keysOf(t, s)[1].DeletedAt, nil)
		r.call(r.new, "cron/2", "/seats")
		r.call(r.new, "late/3", "/seats")
		r.wantText("Wait for daily jobs")
		s.Clock.Advance(24 * time.Hour)
		r.b = s.SignedIn(t, handlerstest.AdminEmail) // the session is over
		r.wantText("No requests with the old key for 1 day")
		ended := r.b.Post(r.path+"/finish", nil)
		ended.WantRedirect(t, r.path)
		if says := notice(t, r.b, ended); !strings.HasPrefix(says, "Deleted “CI <robot>”. Rejected everywhere after ") {
			t.Errorf("then it says %q", says)
		}
		r.wantText("Rotation complete")
		if old, next := r.call(r.key, "late/3", "/seats"), r.call(r.new, "late/3", "/seats"); old != http.StatusUnauthorized || next != http.StatusOK {
			t.Errorf("afterwards the old key gets %d, the new one %d", old, next)
		}
		r.wantText("Old key still in use")
		for _, page := range []string{"/finish", "/cancel"} {
			r.b.Get(r.path+page).Want(t, http.StatusNotFound, "This rotation has ended.")
			r.b.Post(r.path+page, url.Values{"confirm_name": {"CI <robot>"}, "reason": {"Again"}}).Want(t, http.StatusNotFound, "This rotation has ended.")
		}
		if keys := keysOf(t, s); len(keys) != 1 || keys[0].DeletedAt != nil {
			t.Errorf("what is left is %+v", keys)
		}
	})
}

func TestFinishRotationRecordsTheReason(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	r.call(r.key, "sync/1", "/seats")
	r.rotate(nil)
	detail := listPath + "/" + r.old.ID
	if page := r.b.Get(detail + "/delete"); document(t, page).Find(`form[action$="`+r.path+`/finish"] input[name="reason"]`).Length() != 1 {
		t.Errorf("the page of the deletion (%d) asks for no reason", page.Status)
	}
	form := url.Values{"confirm_name": {"CI <robot>"}}
	if gone := r.b.Post(detail+"/delete", form); gone.Status != http.StatusUnprocessableEntity {
		t.Errorf("deleted without a reason: %d", gone.Status)
	}
	form.Set("reason", "It was in a <public> log")
	if gone := r.b.Post(r.path+"/finish", form); gone.Status != http.StatusSeeOther {
		t.Fatalf("end: %d", gone.Status)
	}
	if page := document(t, r.b.Get(detail)); !strings.Contains(page.Find(`section[aria-labelledby="receipt"]`).Text(), "It was in a <public> log") {
		t.Error("the receipt has no reason")
	}
}

func TestRotateShowsTheReplacementOnce(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	form := url.Values{"form_id": {"one"}, "scopes": {"seats.read"}, "expiry": {"30"}}
	first := r.b.Post(r.path, form)
	again := r.b.Post(r.path, form)
	text := keyText.FindString(first.Body)
	if text == "" {
		t.Fatal("the first response doesn't show the key")
	}
	again.WantRedirect(t, r.path)
	r.b.Get(r.path).WantWithout(t, text)
	again = r.b.Post(r.path, form)
	modelstest.Equal(t, "notice", notice(t, r.b, again), "This key was already rotated and the new key was shown once. If you didn’t copy it, cancel this rotation and start again.")
	next := keysOf(t, s)[0]
	modelstest.Equal(t, "Scopes", next.Scopes, scope.Of(scope.SeatsRead))
	modelstest.Equal(t, "ExpiresAt", next.ExpiresAt, new(s.Now().Add(30*24*time.Hour)))
	modelstest.Equal(t, "ReplacesID", next.ReplacesID, &r.old.ID)
	form.Set("form_id", "two")
	if another := r.b.Post(r.path, form); another.Status != http.StatusUnprocessableEntity || len(keysOf(t, s)) != 2 {
		t.Errorf("another form: %d", another.Status)
	}
}

func TestRejectedRotationKeepsTheSelection(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	tests := []struct {
		name string
		form url.Values
		says string
	}{
		{"past date", url.Values{"expiry": {"date"}, "expiry_date": {"2020-01-01"}}, "Expiry must be in the future."},
		{"no choice", url.Values{"expiry": {"soon"}}, "Expiry must be one of the options."},
		{"no such scope", url.Values{"scopes": {"seats.read", "seats"}}, "Scopes must be from the list."},
		{"a scope that the key does not have", url.Values{"scopes": {"seats.read", "members.read"}}, "Scopes can only include scopes that the key has, not members.read."},
		{"no form", url.Values{"form_id": nil}, "This form is incomplete. Reload the page and try again."},
	}
	for _, tt := range tests {
		form := url.Values{"scopes": {"seats.read"}}
		for name, values := range tt.form {
			form[name] = values
		}
		t.Run(tt.name, func(t *testing.T) {
			answer := r.rotate(form)
			answer.Want(t, http.StatusUnprocessableEntity, tt.says)
			checked := document(t, answer).Find(`input[name="scopes"][checked]`)
			modelstest.Equal(t, "checked scopes", checked.Length(), 1)
			modelstest.Equal(t, "checked scope", checked.AttrOr("value", ""), "seats.read")
			modelstest.Equal(t, "keys", len(keysOf(t, s)), 1)
		})
	}
}

func TestRotateSuggestsScopesToRemove(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	if page := r.b.Get(r.path); strings.Contains(page.Body, "Remove unused scopes") || !strings.Contains(page.Body, "so we can’t suggest scopes to remove") {
		t.Error("there is a suggestion without any evidence")
	}
	for range 3 {
		r.call(r.key, "sync/1", "/seats")
	}
	r.call(r.key, "sync/1", "/me")
	r.b.Get(r.path).Want(t, http.StatusOK, "Used by 3 of 4 requests (seats.read)", "Used by 0 of 4 requests (seats.write)", "wasn’t used in the last 30 days")
	preset := r.rotate(url.Values{"preset": {"used"}})
	preset.Want(t, http.StatusOK)
	checked := document(t, preset).Find(`input[name="scopes"][checked]`)
	modelstest.Equal(t, "checked scopes", checked.Length(), 1)
	modelstest.Equal(t, "checked scope", checked.AttrOr("value", ""), "seats.read")
	modelstest.Equal(t, "keys", len(keysOf(t, s)), 1)
}

func TestCancelRotation(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		r := newRotation(t, s)
		r.rotate(nil)
		r.call(r.new, "sync/1", "/seats")
		cancel := r.path + "/cancel"
		r.b.Get(cancel).Want(t, http.StatusOK, "The new key is in use")
		wrong := r.b.Post(cancel, url.Values{"confirm_name": {"CI <r"}})
		wrong.Want(t, http.StatusUnprocessableEntity)
		modelstest.Equal(t, "name entered", document(t, wrong).Find(`input[name="confirm_name"]`).AttrOr("value", ""), "CI <r")
		modelstest.Equal(t, "status of a request with the new key", r.call(r.new, "sync/1", "/seats"), http.StatusOK)
		canceled := r.b.Post(cancel, url.Values{"confirm_name": {"CI <robot>"}})
		canceled.WantRedirect(t, listPath+"/"+r.old.ID)
		modelstest.Equal(t, "notice", notice(t, r.b, canceled), "Rotation canceled. New key deleted.")
		if old, next := r.call(r.key, "sync/1", "/seats"), r.call(r.new, "sync/1", "/seats"); old != http.StatusOK || next != http.StatusUnauthorized {
			t.Errorf("afterwards the old key gets %d, the new one %d", old, next)
		}
		if again := r.rotate(nil); again.Status != http.StatusCreated {
			t.Errorf("rotate again: %d", again.Status)
		}
		line := document(t, r.b.Get(listPath+"/"+r.old.ID)).Find(`section[aria-labelledby="rotation-history"] li`)
		modelstest.Equal(t, "keys in the rotation history", line.Length(), 3)
		modelstest.Contains(t, "replacement that was canceled", line.Eq(1).Text(), "Canceled")
		modelstest.Contains(t, "old key", line.Eq(2).Text(), "Rotating")
	})
}

func TestUnchangedRotationIsNotSentAgain(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	r.call(r.key, "sync/1", "/seats")
	r.rotate(nil)
	seen := func() string { return document(t, r.b.Get(r.path)).Find("#rotation").AttrOr("hx-get", "") }
	changes := []struct {
		name string
		do   func()
	}{
		{"a request with the old key", func() { r.call(r.key, "sync/1", "/seats") }},
		{"one with the new key", func() { r.call(r.new, "sync/1", "/seats") }},
		{"a rejected one", func() { r.call(r.new, "sync/1", "/meeting_requests") }},
		{"an hour", func() { s.Clock.Advance(time.Hour) }},
		{"another name", func() {
			if err := s.RenameAPIKey(t.Context(), s.Workspace.ID, r.old.ID, "CD"); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, change := range changes {
		address := seen()
		if same := r.b.Part(address); same.Status != http.StatusNoContent || same.Body != "" {
			t.Errorf("before %s: %d", change.name, same.Status)
		}
		s.Clock.Advance(time.Millisecond)
		change.do()
		if other := r.b.Part(address); other.Status != http.StatusOK {
			t.Errorf("after %s: %d", change.name, other.Status)
		}
		if whole := r.b.Get(seen()); whole.Status != http.StatusOK {
			t.Errorf("the address in a browser: %d", whole.Status)
		}
	}
}

func TestRotationOfAnotherWorkspaceIsNotFound(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	foreign, _ := s.NewWorkspace(t, "Rival", "rival@rival.test")
	theirs, mine := s.NamedKey(t, foreign.ID, "Theirs"), s.NamedKey(t, s.Workspace.ID, "Mine")
	if _, _, err := s.RotateAPIKey(t.Context(), foreign.ID, theirs.ID, models.NewReplacement{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{theirs.ID, mine.ID, "key_none", "%00"} {
		for _, page := range []string{"", "/finish", "/cancel"} {
			if id == mine.ID && page == "" {
				continue // that is the form
			}
			address := fmt.Sprintf("%s/%s/rotation%s", listPath, id, page)
			if answer := b.Get(address); answer.Status != http.StatusNotFound {
				t.Errorf("GET %s: %d", address, answer.Status)
			}
			if answer := b.Post(address, url.Values{"form_id": {"x"}, "confirm_name": {"Theirs"}, "reason": {"Mine now"}}); answer.Status != http.StatusNotFound {
				t.Errorf("POST %s: %d", address, answer.Status)
			}
		}
	}
	if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, mine.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	if answer := b.Get(listPath + "/" + mine.ID + "/rotation"); answer.Status != http.StatusConflict {
		t.Errorf("of a deleted key: %d", answer.Status)
	}
}

// TestAnExpiredKeyIsNotRotated checks that there is no form for it and that sending one creates no key.
func TestAnExpiredKeyIsNotRotated(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	if page := document(t, r.b.Get(r.path)); page.Find("input[name=expiry][checked]").AttrOr("value", "") != "keep" || page.Find("input[name=scopes][checked]").Length() != 2 {
		t.Error("the form does not begin with what the key has")
	}
	if _, err := s.ChangeAPIKeyAccess(t.Context(), s.Workspace.ID, r.old.ID, r.old.Access(), models.KeyAccess{Scopes: r.old.Scopes, ExpiresAt: new(s.Now().Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Hour)
	r.b = s.SignedIn(t, handlerstest.AdminEmail) // counts as a recent proof
	form := url.Values{"form_id": {"one"}, "scopes": {"seats.read"}, "expiry": {"30"}}
	r.b.Get(r.path).Want(t, http.StatusUnprocessableEntity, "This key has expired.")
	r.b.Post(r.path, form).Want(t, http.StatusUnprocessableEntity, "This key has expired.")
	modelstest.Equal(t, "keys", len(keysOf(t, s)), 1)
}

func TestTheListLeadsToRotations(t *testing.T) {
	s := handlerstest.New(t)
	r := newRotation(t, s)
	badge := func() int {
		return document(t, r.b.Get(listPath)).Find(`#keys a.badge[href$="` + r.path + `"]`).Length()
	}
	if badge() != 0 {
		t.Error("a key that does not rotate has a badge")
	}
	r.rotate(nil)
	if badge() != 2 {
		t.Error("a key that rotates or its successor has no badge")
	}
	if _, err := s.EndRotation(t.Context(), s.Workspace.ID, r.old.ID, models.Confirmation{}); err != nil {
		t.Fatal(err)
	}
	if badge() != 0 {
		t.Error("a successor has a badge when the rotation is over")
	}
}
