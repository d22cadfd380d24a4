package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

const membersPath = "/settings/members"

var linkOfInvitation = regexp.MustCompile(`value="(http[^"]+)(/invitations/[A-Z2-7]{26})"`)

// invite invites someone in an admin's browser and returns the path of the invite link.
func invite(t *testing.T, b *handlerstest.Browser, email string) string {
	t.Helper()
	answer := b.Post(membersPath, url.Values{"email": {email}, "name": {"Invited"}, "role": {"member"}})
	link := linkOfInvitation.FindStringSubmatch(answer.Body)
	if answer.Status != http.StatusCreated || link == nil {
		t.Fatalf("invite %s: status = %d, want 201\n%s", email, answer.Status, answer.Body)
	}
	return link[2]
}

func memberOf(t *testing.T, s *handlerstest.Server, email string) *models.ListedMember {
	t.Helper()
	for _, state := range []models.MemberState{"", models.MemberDeactivated} {
		list, err := s.MemberList(context.Background(), s.Workspace.ID, models.MemberListFilter{Search: email, State: state, PageNumber: 1, PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Members) == 1 {
			return &list.Members[0]
		}
	}
	t.Fatalf("%s is not a member", email)
	return nil
}

// wantAlert fails the test unless response is the form with an alert that contains message.
func wantAlert(t *testing.T, response handlerstest.Response, message string) {
	t.Helper()
	if response.Status != http.StatusUnprocessableEntity {
		t.Errorf("status = %d, want 422", response.Status)
	}
	if got := strings.TrimSpace(document(t, response).Find(`[role="alert"]`).Text()); !strings.Contains(got, message) {
		t.Errorf("alert = %q, want it to contain %q", got, message)
	}
}

// TestInvitation covers an invitation from the admin's form to the new member's first page.
func TestInvitation(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		link := invite(t, s.SignedIn(t, handlerstest.AdminEmail), "grace@acme.test")
		b := s.Browser(t)
		for range 2 { // an email program may open it first
			asked := b.Get(link)
			page := document(t, asked)
			asked.Want(t, http.StatusOK, "grace@acme.test")
			modelstest.Equal(t, "name", page.Find(`input[name="name"]`).AttrOr("value", ""), "Invited")
			for name, want := range map[string]string{"Referrer-Policy": "strict-origin", "Cache-Control": "no-store"} {
				if got := asked.Header.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		}
		invalid := b.Post(link, url.Values{"name": {""}, "password": {"too short"}})
		if invalid.Status != http.StatusUnprocessableEntity {
			t.Errorf("invalid form: status = %d, want 422", invalid.Status)
		}
		for _, field := range []string{"name", "password"} {
			if errorOf(document(t, invalid), field) == "" {
				t.Errorf("invalid form: no error at %s", field)
			}
		}
		if strings.Contains(invalid.Body, "too short") {
			t.Error("invalid form: the page repeats the password")
		}
		if !memberOf(t, s, "grace@acme.test").Pending {
			t.Error("invalid form: the member has joined")
		}

		joined := b.Post(link, url.Values{"name": {"Grace Hopper"}, "password": {modelstest.Password}})
		if joined.Status != http.StatusSeeOther || joined.Header.Get("Location") != path.SignedIn(path.Workspace(s.Workspace.ID).APIKeys()) {
			t.Fatalf("join: status = %d, Location %q; want 303 by way of the sign-in page", joined.Status, joined.Header.Get("Location"))
		}
		if got := b.Get("/settings/account"); got.Status != http.StatusOK || !strings.Contains(got.Body, "Grace Hopper") {
			t.Errorf("account of the new member: status = %d, want 200 with their name", got.Status)
		}
		s.SignedIn(t, "grace@acme.test")
		for _, again := range []handlerstest.Response{s.Browser(t).Get(link), s.Browser(t).Post(link, url.Values{"name": {"Eve"}, "password": {"another long passphrase"}})} {
			if again.Status != http.StatusNotFound || !strings.Contains(again.Body, "This invitation is no longer valid") {
				t.Errorf("used link: status = %d, want 404 with an explanation", again.Status)
			}
		}
	})
}

func TestInvitationExpires(t *testing.T) {
	s := handlerstest.New(t)
	link := invite(t, s.SignedIn(t, handlerstest.AdminEmail), "grace@acme.test")
	s.Clock.Advance(models.InvitationLife)
	if got := s.Browser(t).Get(link); got.Status != http.StatusNotFound || !strings.Contains(got.Body, "This invitation is no longer valid") {
		t.Errorf("expired link: status = %d, want 404 with an explanation", got.Status)
	}
}

// TestAcceptInvitationWhileSignedIn checks that joining as someone else ends the previous session.
func TestAcceptInvitationWhileSignedIn(t *testing.T) {
	s := handlerstest.New(t)
	admin := s.SignedIn(t, handlerstest.AdminEmail)
	link := invite(t, admin, "grace@acme.test")
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	before := admin.Client.Jar.Cookies(base)
	if page := admin.Get(link).Body; !strings.Contains(page, "You’re signed in as") {
		t.Error("the page does not say who is signed in")
	}
	admin.Post(link, url.Values{"name": {"Grace"}, "password": {modelstest.Password}})
	if page := admin.Get("/settings/account").Body; !strings.Contains(page, "grace@acme.test") {
		t.Error("the new member is not signed in")
	}
	old := s.Browser(t)
	old.Client.Jar.SetCookies(base, before)
	if got := old.Get("/settings/account"); got.Status != http.StatusSeeOther {
		t.Errorf("previous session: status = %d, want 303 to the sign-in page", got.Status)
	}
}

func TestInviteRejectsInvalidValues(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for field, form := range map[string]url.Values{
		"email": {"email": {"ada at acme"}, "name": {"Typed"}, "role": {"admin"}},
		"name":  {"email": {"typed@acme.test"}, "name": {strings.Repeat("x", 101)}, "role": {"admin"}},
		"role":  {"email": {"typed@acme.test"}, "name": {"Typed"}, "role": {"owner"}},
	} {
		answer := b.Post(membersPath, form)
		page := document(t, answer)
		if answer.Status != http.StatusUnprocessableEntity {
			t.Errorf("invalid %s: status = %d, want 422", field, answer.Status)
		}
		if errorOf(page, field) == "" {
			t.Errorf("invalid %s: no error at the field", field)
		}
		for name, want := range map[string]string{`input[name="email"]`: form.Get("email"), `input[name="name"]`: form.Get("name")} {
			if got := page.Find(name).AttrOr("value", ""); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
	}
	if twice := b.Post(membersPath, url.Values{"email": {strings.ToUpper(handlerstest.AdminEmail)}}); errorOf(document(t, twice), "email") == "" {
		t.Errorf("inviting a member again: status = %d and no error at the email", twice.Status)
	}
	if counts, err := s.MemberCounts(context.Background(), s.Workspace.ID); err != nil || counts.Active != 1 {
		t.Errorf("members = %+v (%v), want 1 active", counts, err)
	}
}

// TestInviteSomeoneWithAnAccount checks that they sign in with their existing password to join.
func TestInviteSomeoneWithAnAccount(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		s.NewWorkspace(t, "Rival", "rita@rival.test")
		admin := s.SignedIn(t, handlerstest.AdminEmail)
		link := invite(t, admin, "rita@rival.test")
		stranger := s.Browser(t)
		in := document(t, stranger.Get(link)).Find("main a.btn").AttrOr("href", "")
		if in != "/login?next="+url.QueryEscape(link) {
			t.Errorf("sign-in link = %q", in)
		}
		form := url.Values{"name": {"Eve"}, "password": {"another long passphrase"}}
		for who, b := range map[string]*handlerstest.Browser{"a stranger": stranger, "the admin": admin} {
			if answer := b.Post(link, form); answer.Status != http.StatusForbidden || !memberOf(t, s, "rita@rival.test").Pending {
				t.Errorf("accepting as %s: status = %d, want 403 and the member pending", who, answer.Status)
			}
		}
		if page := admin.Get(link).Body; !strings.Contains(page, "Sign out, then open this link again.") {
			t.Error("the page does not say that someone else is signed in")
		}

		rita := s.SignedIn(t, "rita@rival.test")
		if page := rita.Get("/settings/account").Body; strings.Contains(page, "Acme") {
			t.Error("she is a member before accepting")
		}
		joined := rita.Post(link, nil)
		joined.WantRedirect(t, path.Workspace(s.Workspace.ID).APIKeys())
		modelstest.Equal(t, "pending after joining", memberOf(t, s, "rita@rival.test").Pending, false)
		rita.Get(joined.Header.Get("Location")).Want(t, http.StatusOK)
		page := rita.Get("/settings/account").Body
		if !strings.Contains(page, "Acme") || !strings.Contains(page, "Rival") {
			t.Error("the account does not list both workspaces")
		}
		if shown := document(t, rita.Get("/settings/account")).Find("aside summary").First().Text(); !strings.Contains(shown, "Acme") {
			t.Errorf("current workspace after joining = %q, want Acme", shown)
		}
		if again := rita.Get(link); again.Status != http.StatusNotFound {
			t.Errorf("used link: status = %d, want 404", again.Status)
		}
	})
}

// TestInviteByEmail checks that no link is shown and that the email can be resent.
func TestInviteByEmail(t *testing.T) {
	s := handlerstest.On(t, modelstest.NewSQLite(t).Mailing(t))
	b := s.SignedIn(t, handlerstest.AdminEmail)
	answer := b.Post(membersPath, url.Values{"email": {"grace@acme.test"}, "role": {"member"}})
	if answer.Status != http.StatusSeeOther || answer.Location() != membersPath {
		t.Fatalf("invite: status = %d, want 303 to the list\n%s", answer.Status, answer.Body)
	}
	grace := memberOf(t, s, "grace@acme.test")
	if !grace.Invitation.Emailing || !strings.Contains(b.Get(membersPath+"?status=pending").Body, "Sending…") {
		t.Errorf("invitation = %+v, want it listed as being sent", grace.Invitation)
	}
	email, err := s.ClaimEmail(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FinishEmail(context.Background(), email, ""); err != nil {
		t.Fatal(err)
	}
	if page := b.Get(membersPath + "/" + grace.ID).Body; !strings.Contains(page, "Resend email") || !strings.Contains(page, "Emailed") {
		t.Error("the page does not offer to resend the email")
	}
	const cooldown = "This address was emailed recently. Wait 10 minutes before you email it again, or share an invite link."
	if early := b.Post(membersPath+"/"+grace.ID+"/invitation/email", nil); early.Status != http.StatusUnprocessableEntity || !strings.Contains(early.Body, cooldown) {
		t.Errorf("resend at once: status = %d, want 422 and %q", early.Status, cooldown)
	}
	s.Clock.Advance(10 * time.Minute)
	if again := b.Post(membersPath+"/"+grace.ID+"/invitation/email", nil); again.Status != http.StatusSeeOther || !memberOf(t, s, "grace@acme.test").Invitation.Emailing {
		t.Errorf("resend: status = %d, want 303 and an email being sent", again.Status)
	}
	if got := s.Browser(t).Get("/invitations/" + email.Invitation.Token); got.Status != http.StatusNotFound {
		t.Errorf("previous link: status = %d, want 404", got.Status)
	}
}

func TestResendEmailWithoutSMTP(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	link := invite(t, b, "grace@acme.test")
	path := membersPath + "/" + memberOf(t, s, "grace@acme.test").ID
	if page := b.Get(path).Body; strings.Contains(page, "Resend email") {
		t.Error("the page offers to resend the email")
	}
	wantAlert(t, b.Post(path+"/invitation/email", nil), "SMTP_URL is not set")
	if got := s.Browser(t).Get(link); got.Status != http.StatusOK {
		t.Errorf("link: status = %d, want 200", got.Status)
	}
	second := b.Post(path+"/invitation", nil)
	if linkOfInvitation.FindString(second.Body) == "" || s.Browser(t).Get(link).Status != http.StatusNotFound {
		t.Errorf("new link: status = %d; want a link, and 404 for the previous one", second.Status)
	}
}

func TestChangeRole(t *testing.T) {
	s := handlerstest.New(t)
	s.AddMember(t, s.Workspace, "mel@acme.test")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	mel, ada := membersPath+"/"+memberOf(t, s, "mel@acme.test").ID, membersPath+"/"+memberOf(t, s, handlerstest.AdminEmail).ID

	last := b.Post(ada+"/role", url.Values{"role": {"member"}})
	wantAlert(t, last, "You can’t remove the last admin")
	if chosen := document(t, last).Find(`input[name="role"][checked]`).AttrOr("value", ""); chosen != "member" {
		t.Errorf("selected role = %q, want member", chosen)
	}
	unknown := b.Post(mel+"/role", url.Values{"role": {"owner"}})
	if unknown.Status != http.StatusUnprocessableEntity {
		t.Errorf("unknown role: status = %d, want 422", unknown.Status)
	}
	if got, want := errorOf(document(t, unknown), "role"), "Role must be member, key_manager, or admin."; got != want {
		t.Errorf("unknown role: error = %q, want %q", got, want)
	}
	if memberOf(t, s, handlerstest.AdminEmail).Role != models.Admin || memberOf(t, s, "mel@acme.test").Role != models.Viewer {
		t.Error("a rejected role change took effect")
	}

	if made := b.Post(mel+"/role", url.Values{"role": {"admin"}}); made.Status != http.StatusSeeOther || memberOf(t, s, "mel@acme.test").Role != models.Admin {
		t.Errorf("make admin: status = %d, want 303 and the role changed", made.Status)
	}
	b.Post(ada+"/role", url.Values{"role": {"member"}}).WantRedirect(t, membersPath)
	b.Get(membersPath).Want(t, http.StatusOK, "is now a viewer")
}

// TestDeactivate checks the confirmation page, the effects, and reactivation.
func TestDeactivate(t *testing.T) {
	s := handlerstest.New(t)
	s.AddMember(t, s.Workspace, "mel@acme.test")
	b, theirs := s.SignedIn(t, handlerstest.AdminEmail), s.SignedIn(t, "mel@acme.test")
	mel := memberOf(t, s, "mel@acme.test")
	path := membersPath + "/" + mel.ID
	if _, err := s.AssignSeat(context.Background(), s.Workspace.ID, mel.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"They’re signed out", "Their seat becomes available."} {
		if page := b.Get(path + "/deactivate").Body; !strings.Contains(page, want) {
			t.Errorf("page does not contain %q", want)
		}
	}
	if out := b.Post(path+"/deactivate", nil); out.Status != http.StatusSeeOther {
		t.Fatalf("deactivate: status = %d, want 303", out.Status)
	}
	if got := theirs.Get("/settings/account"); got.Status != http.StatusSeeOther {
		t.Errorf("their session: status = %d, want 303 to the sign-in page", got.Status)
	}
	if mel := memberOf(t, s, "mel@acme.test"); mel.DeactivatedAt == nil || mel.HasSeat {
		t.Errorf("member = %+v, want deactivated and without a seat", mel)
	}
	wantAlert(t, b.Post(path+"/deactivate", nil), "This member is already deactivated.")
	if back := b.Post(path+"/reactivate", nil); back.Status != http.StatusSeeOther || memberOf(t, s, "mel@acme.test").DeactivatedAt != nil {
		t.Errorf("reactivate: status = %d, want 303 and the member active", back.Status)
	}
	wantAlert(t, b.Post(path+"/reactivate", nil), "This member is already active.")

	own := membersPath + "/" + memberOf(t, s, handlerstest.AdminEmail).ID + "/deactivate"
	if page := b.Get(own).Body; !strings.Contains(page, "Deactivate yourself?") {
		t.Error("the page does not address the viewer")
	}
	wantAlert(t, b.Post(own, nil), "You can’t remove the last admin")
}

// TestDeactivateWithKeys checks that the page names the keys of a member and can pause them.
func TestDeactivateWithKeys(t *testing.T) {
	for _, pause := range []bool{false, true} {
		t.Run(fmt.Sprintf("pause %t", pause), func(t *testing.T) {
			s := handlerstest.New(t)
			mel := s.AddMember(t, s.Workspace, "mel@acme.test")
			b := s.SignedIn(t, handlerstest.AdminEmail)
			path := membersPath + "/" + mel.ID + "/deactivate"
			if got := document(t, b.Get(path)).Find(`input[name="pause_keys"]`).Length(); got != 0 {
				t.Errorf("offers to pause keys of a member without keys: %d, want 0", got)
			}
			ctx := models.WithActor(t.Context(), models.Actor{Type: models.ActorMember, ID: mel.ID, Name: "Mel"})
			key, secret, err := s.CreateAPIKey(ctx, s.Workspace.ID, models.NewAPIKey{Name: "Mel's key"})
			if err != nil {
				t.Fatal(err)
			}
			page := document(t, b.Get(path))
			if got := page.Find(`a[href$="/settings/api-keys/` + key.ID + `"]`).Text(); got != "Mel's key" {
				t.Errorf("link to the key = %q, want Mel's key", got)
			}
			if got, want := page.Find(`label:has(input[name="pause_keys"])`).Text(), "Pause 1 key for 90 days"; !strings.Contains(got, want) {
				t.Errorf("offer = %q, want %q", got, want)
			}
			form, want := url.Values{}, http.StatusOK
			if pause {
				form, want = url.Values{"pause_keys": {"true"}}, http.StatusUnauthorized
			}
			if got := b.Post(path, form).Status; got != http.StatusSeeOther {
				t.Fatalf("deactivate: status = %d, want 303", got)
			}
			if memberOf(t, s, "mel@acme.test").DeactivatedAt == nil {
				t.Error("the member is still active")
			}
			if got := s.Call(t, secret.Reveal(), "GET", "/me", "").Status; got != want {
				t.Errorf("status of a request with the key = %d, want %d", got, want)
			}
		})
	}
}

// TestReturnDoesNotRaiseRole checks that the page says which role someone has who is added again.
func TestReturnDoesNotRaiseRole(t *testing.T) {
	s := handlerstest.New(t)
	mel := s.AddMember(t, s.Workspace, "mel@acme.test")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	b.Post(membersPath+"/"+mel.ID+"/deactivate", nil)
	b.Post(membersPath, url.Values{"email": {"mel@acme.test"}, "role": {"admin"}})
	if got := memberOf(t, s, "mel@acme.test").Role; got != models.Viewer {
		t.Errorf("role = %s, want that of a viewer", got)
	}
	if page, want := b.Get(membersPath).Body, "as a viewer"; !strings.Contains(page, want) {
		t.Errorf("the list has no notice with %q", want)
	}
}

// TestMembersOfAnotherWorkspace checks that they return 404 and don't change.
func TestMembersOfAnotherWorkspace(t *testing.T) {
	s := handlerstest.New(t)
	foreign, eve := s.NewWorkspace(t, "Foreign", "eve@foreign.test")
	seat, err := s.AssignSeat(context.Background(), foreign.ID, eve.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := s.SignedIn(t, handlerstest.AdminEmail)
	before := s.Dump(t)
	for _, id := range []string{eve.ID, "mem_none"} {
		path := membersPath + "/" + id
		for _, answer := range []handlerstest.Response{
			b.Get(path), b.Get(path + "/deactivate"), b.Post(path+"/deactivate", nil), b.Post(path+"/reactivate", nil),
			b.Post(path+"/role", url.Values{"role": {"member"}}), b.Post(path+"/invitation", nil),
		} {
			if answer.Status != http.StatusNotFound {
				t.Errorf("%s: status = %d, want 404", id, answer.Status)
			}
		}
	}
	if answer := b.Post("/settings/seats", url.Values{"member_id": {eve.ID}}); answer.Status != http.StatusUnprocessableEntity {
		t.Errorf("seat for a member of another workspace: status = %d, want 422", answer.Status)
	}
	if after := s.Dump(t); after != before {
		t.Error("the database has changed")
	}
	b.Post("/settings/seats/"+seat.ID+"/release", nil)
	if usage, err := s.SeatUsage(context.Background(), foreign.ID); err != nil || usage.Used != 1 {
		t.Errorf("seats of the other workspace = %+v (%v), want 1 in use", usage, err)
	}
}

// TestListOfManyMembers checks paging, filters and search.
func TestListOfManyMembers(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		for i := range 60 {
			if _, err := s.Store.Store.AddMember(context.Background(), s.Workspace.ID, models.NewMember{
				Email: fmt.Sprintf("p%02d@acme.test", i), Name: fmt.Sprintf("Person %02d", i), Role: []models.Role{models.Admin, models.Viewer}[i%2],
			}); err != nil {
				t.Fatal(err)
			}
		}
		b := s.SignedIn(t, handlerstest.AdminEmail)
		rows := func(query string) int {
			answer := b.Get(membersPath + query)
			if answer.Status != http.StatusOK {
				t.Fatalf("%s: status = %d, want 200; Location %q", query, answer.Status, answer.Header.Get("Location"))
			}
			return document(t, answer).Find("#members tbody tr").Length()
		}
		for query, want := range map[string]int{
			"": 50, "?page=2": 11, "?q=PERSON+0": 10, "?q=p07%40": 1, "?q=%25": 0, "?role=admin": 31, "?role=owner": 0,
			"?status=active": 1, "?status=pending": 50, "?status=pending&role=member&q=person+1": 5, "?status=deactivated": 0, "?page=-1": 50,
		} {
			if got := rows(query); got != want {
				t.Errorf("%q: members = %d, want %d", query, got, want)
			}
		}
		if past := b.Get(membersPath + "?page=99"); past.Location() != membersPath+"?page=2" {
			t.Errorf("page after the last redirects to %q", past.Header.Get("Location"))
		}
	})
}

// TestActionsReturnToTheList checks that the search and the filters are kept.
func TestActionsReturnToTheList(t *testing.T) {
	s := handlerstest.New(t)
	mel := s.AddMember(t, s.Workspace, "mel@acme.test")
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for from, want := range map[string]string{
		s.URL + path.Workspace(s.Workspace.ID).Members() + "?q=mel&role=member": membersPath + "?q=mel&role=member",
		s.URL + membersPath + "/" + mel.ID:                                      membersPath,
		"https://evil.test" + path.Workspace(s.Workspace.ID).Members() + "?x=1": membersPath + "?x=1",
		"":   membersPath,
		"::": membersPath,
	} {
		request := s.Request(t, http.MethodPost, membersPath+"/"+mel.ID+"/role", "role=member")
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Referer", from)
		if got := handlerstest.Send(t, b.Client, request); got.Status != http.StatusSeeOther || got.Location() != want {
			t.Errorf("from %q: status = %d, Location %q; want 303 to %q", from, got.Status, got.Header.Get("Location"), want)
		}
	}
}

func names(page *goquery.Document, selector string) string {
	var found []string
	page.Find(selector).Each(func(_ int, name *goquery.Selection) { found = append(found, strings.TrimSpace(name.Text())) })
	return strings.Join(found, ", ")
}
