package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

var ada = models.Credentials{Email: "ada@acme.test", Password: modelstest.Password}

func signIn(t *testing.T, s fixture, c models.Credentials) *models.SignedIn {
	t.Helper()
	in, err := s.SignIn(s.ctx, "", c)
	if err != nil {
		t.Fatalf("sign in: %v", err)
	}
	return in
}

func wantLiving(t *testing.T, s fixture, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := s.Session(s.ctx, id); err != nil {
			t.Errorf("session %.8s… has ended: %v", id, err)
		}
	}
}

func wantOver(t *testing.T, s fixture, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, err := s.Session(s.ctx, id)
		wantKind(t, err, models.NotFound)
	}
}

func TestSessionIdleTimeout(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		id := signIn(t, s, ada).SessionID
		for range 3 {
			s.Clock.Advance(models.SessionIdle - time.Millisecond)
			wantLiving(t, s, id)
		}
		s.Clock.Advance(models.SessionIdle)
		wantOver(t, s, id)
		if sessions, err := s.SessionsOf(s.ctx, s.admin.UserID); err != nil || len(sessions) != 0 {
			t.Errorf("sessions = %v, error = %v; want none", sessions, err)
		}
	})
}

func TestSessionAbsoluteTimeout(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		id := signIn(t, s, ada).SessionID
		for range 30*24/11 + 1 {
			if s.Now().Add(11 * time.Hour).Before(modelstest.Start.Add(models.SessionAbsolute)) {
				s.Clock.Advance(11 * time.Hour)
				wantLiving(t, s, id)
			}
		}
		s.Clock.Advance(modelstest.Start.Add(models.SessionAbsolute).Sub(s.Now()) - time.Millisecond)
		wantLiving(t, s, id)
		s.Clock.Advance(time.Millisecond)
		wantOver(t, s, id)
	})
}

func TestSessionLastSeenIsUpdatedOncePerMinute(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		id := signIn(t, s, ada).SessionID
		wantUnchanged(t, s.Store, func() {
			s.Clock.Advance(time.Minute - time.Millisecond)
			wantLiving(t, s, id)
		})
		s.Clock.Advance(time.Millisecond)
		session, err := s.Session(s.ctx, id)
		if err != nil || !session.LastSeenAt.Equal(s.Now()) {
			t.Fatalf("session = %+v, error = %v", session, err)
		}
		sessions, err := s.SessionsOf(s.ctx, s.admin.UserID)
		if err != nil {
			t.Fatal(err)
		}
		if len(sessions) != 1 {
			t.Fatalf("sessions = %+v, want 1", sessions)
		}
		modelstest.Equal(t, "sessions[0] last seen at", sessions[0].LastSeenAt, s.Now())
	})
}

func TestSessionRecordsOrigin(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		id := signIn(t, s, ada).SessionID
		session, err := s.Session(s.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "address", session.Address, "192.0.2.7")
		modelstest.Equal(t, "user agent", session.UserAgent, "Browser/1.0")
		modelstest.Equal(t, "user ID", session.UserID, s.admin.UserID)
		modelstest.Equal(t, "workspace ID", session.WorkspaceID, new(s.id))
		for workspaceID, text := range map[string]string{s.id: "Key deleted.", "": "Emails saved"} {
			if err := s.SetNotice(s.ctx, id, workspaceID, text); err != nil {
				t.Fatal(err)
			}
		}
		session, err = s.Session(s.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspace ID", session.WorkspaceID, new(s.id))
		modelstest.Equal(t, "notice", session.Notices[s.id], "Key deleted.")
		if err := s.UseWorkspace(s.ctx, id, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.SetNotice(s.ctx, id, s.id, ""); err != nil {
			t.Fatal(err)
		}
		session, err = s.Session(s.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "workspace ID", session.WorkspaceID, nil)
		if diff := cmp.Diff(map[string]string{"": "Emails saved"}, session.Notices); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
		for _, invented := range []string{"", "x", id + " ", id[1:], "\x00", "\xff"} {
			wantOver(t, s, invented)
		}
	})
}

func TestSignInReplacesSession(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		first := signIn(t, s, ada).SessionID
		second, err := s.SignIn(s.ctx, first, ada)
		if err != nil {
			t.Fatal(err)
		}
		if second.SessionID == first {
			t.Error("sign-in kept the session ID")
		}
		wantOver(t, s, first)
		wantLiving(t, s, second.SessionID)

		// An ID that was planted in the browser beforehand never becomes a session.
		planted, err := s.SignIn(s.ctx, "planted", ada)
		if err != nil || planted.SessionID == "planted" {
			t.Fatalf("sign in with a planted session ID: %+v, error = %v", planted, err)
		}
		wantOver(t, s, "planted")

		wrong := models.Credentials{Email: ada.Email, Password: "wrong"}
		if _, err := s.SignIn(s.ctx, second.SessionID, wrong); err == nil {
			t.Error("SignIn with a wrong password succeeded")
		}
		wantLiving(t, s, second.SessionID, planted.SessionID)
	})
}

func TestSignOut(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		this, other := signIn(t, s, ada).SessionID, signIn(t, s, ada).SessionID
		if err := s.SignOut(s.ctx, this, &s.admin.User); err != nil {
			t.Fatal(err)
		}
		wantOver(t, s, this)
		wantLiving(t, s, other)
		wantEvent(t, s, s.admin.UserID, "user.signed_out")
	})
}

func TestSignOutEverywhere(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		eve := newFixture(t, s.Store, "Other", "eve@other.test")
		hers := signIn(t, eve, models.Credentials{Email: "eve@other.test", Password: modelstest.Password})
		this, other := signIn(t, s, ada), signIn(t, s, ada)
		if err := s.SignOutEverywhere(s.ctx, &s.admin.User); err != nil {
			t.Fatal(err)
		}
		wantOver(t, s, this.SessionID, other.SessionID)
		wantLiving(t, eve, hers.SessionID)
		wantCount(t, s.Store, "known_devices", 1)
		wantEvent(t, s, s.admin.UserID, "user.signed_out_everywhere")
		if next := signIn(t, s, models.Credentials{Email: ada.Email, Password: ada.Password, Device: this.Device}); next.Device == this.Device {
			t.Error("device is still known")
		}
	})
}

// wantEvent checks that the newest event about a target records an action of the admin.
func wantEvent(t *testing.T, s fixture, targetID, action string) {
	t.Helper()
	events := eventsOf(t, s, targetID)
	if len(events) == 0 {
		t.Errorf("no events about %s, want %s", targetID, action)
		return
	}
	s.wantByAdmin(t, events[0], action)
}

// wantByAdmin checks that an event records an action of the admin, now.
func (s fixture) wantByAdmin(t *testing.T, event models.AuditEvent, action string) {
	t.Helper()
	if event.Action != action {
		t.Errorf("action = %s, want %s", event.Action, action)
	}
	actor := models.Actor{Type: event.ActorType, Name: event.ActorName, Address: event.Address, UserAgent: event.UserAgent}
	if event.ActorID != nil {
		actor.ID = *event.ActorID
	}
	want := models.ActorOf(s.ctx)
	want.Role = "" // isn't recorded
	if actor != want {
		t.Errorf("%s: actor = %+v, want %+v", action, actor, want)
	}
	if !event.CreatedAt.Equal(s.Now()) {
		t.Errorf("%s: created at %v, want %v", action, event.CreatedAt, s.Now())
	}
}

// alsoIn lets a person join another workspace with their account.
func (s fixture) alsoIn(t *testing.T, workspaceID string, member *models.Member, role models.Role) *models.Member {
	t.Helper()
	added, err := s.Store.Store.AddMember(s.ctx, workspaceID, models.NewMember{Email: member.User.Email, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	invited, err := s.InviteMember(s.ctx, workspaceID, added.ID)
	if err != nil {
		t.Fatal(err)
	}
	added, err = s.AcceptInvitationAs(s.ctx, invited.Token, member.UserID)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestEndSession(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		first, second, hers := signIn(t, s, ada), signIn(t, s, ada), graceSignsIn(t, s)
		for _, id := range []string{first.SessionID, hers.SessionID} {
			session, err := s.Session(s.ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second call does nothing
				if err := s.EndSession(s.ctx, first.User, session.Reference()); err != nil {
					t.Fatal(err)
				}
			}
		}
		wantOver(t, s, first.SessionID)
		wantLiving(t, s, second.SessionID, hers.SessionID)
		wantEvents(t, s, s.id, s.admin.UserID, "user.session_ended", 1)
		wantEvents(t, s, s.id, grace.UserID, "user.session_ended", 0)
		wantKind(t, s.EndSession(s.ctx, first.User, "no reference"), models.Invalid)
	})
}

func graceSignsIn(t *testing.T, s fixture) *models.SignedIn {
	t.Helper()
	return signIn(t, s, models.Credentials{Email: "grace@acme.test", Password: "a long enough passphrase"})
}

// wantEvents fails the test unless there are as many events about a target with an action.
func wantEvents(t *testing.T, s fixture, workspaceID, targetID, action string, want int) {
	t.Helper()
	events, err := s.AuditEventsOf(t.Context(), workspaceID, targetID, 100)
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, event := range events {
		if event.Action == action {
			got++
		}
	}
	modelstest.Equal(t, action+" events", got, want)
}

// TestAdminEndsSessionOfMember checks that an admin can end a member's session only while they
// administer every workspace that the member has joined, and that each of these records it.
func TestAdminEndsSessionOfMember(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		grace := s.joined(t, "grace@acme.test", models.Viewer)
		in := graceSignsIn(t, s)
		session, err := s.Session(s.ctx, in.SessionID)
		if err != nil {
			t.Fatal(err)
		}
		end := func() error {
			_, err := s.EndSessionOfMember(s.ctx, s.admin.UserID, s.id, grace.ID, session.Reference())
			return err
		}
		rival := newFixture(t, s.Store, "Rival", "rita@rival.test")
		there := rival.alsoIn(t, rival.id, grace, models.Viewer)
		wantKind(t, end(), models.Forbidden)
		if _, err := s.DeactivateMember(rival.ctx, rival.id, there.ID); err != nil {
			t.Fatal(err)
		}
		wantKind(t, end(), models.Forbidden)
		if _, err := s.ReactivateMember(rival.ctx, rival.id, there.ID); err != nil {
			t.Fatal(err)
		}
		ada := rival.alsoIn(t, rival.id, s.admin, models.Viewer)
		wantKind(t, end(), models.Forbidden)
		wantLiving(t, s, in.SessionID)
		if shown, err := s.SessionsOfMember(s.ctx, s.admin.UserID, grace); err != nil || len(shown) != 0 {
			t.Errorf("sessions shown = %d, error = %v; want none", len(shown), err)
		}

		if _, err := s.ChangeMemberRole(rival.ctx, rival.id, ada.ID, models.Admin); err != nil {
			t.Fatal(err)
		}
		if shown, err := s.SessionsOfMember(s.ctx, s.admin.UserID, grace); err != nil || len(shown) != 1 {
			t.Errorf("sessions shown = %d, error = %v; want 1", len(shown), err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		wantOver(t, s, in.SessionID)
		for workspaceID, actor := range map[string]string{s.id: s.admin.ID, rival.id: ada.ID} {
			events, err := s.AuditEventsOf(t.Context(), workspaceID, grace.UserID, 1)
			if err != nil || len(events) != 1 {
				t.Fatalf("events = %v, error = %v", events, err)
			}
			modelstest.Equal(t, "action", events[0].Action, "user.session_ended")
			modelstest.Equal(t, "actor", *events[0].ActorID, actor)
		}
	})
}
