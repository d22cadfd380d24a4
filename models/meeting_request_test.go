package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// ask returns a minimal meeting request by the admin.
func (s fixture) ask(participants ...string) models.NewMeetingRequest {
	return models.NewMeetingRequest{OrganizerEmail: s.admin.User.Email, ParticipantEmails: participants}
}

// people returns n different addresses.
func people(n int) []string {
	emails := make([]string, n)
	for i := range emails {
		emails[i] = fmt.Sprintf("p%d@example.org", i)
	}
	return emails
}

func (s fixture) meetingRequest(t *testing.T, n models.NewMeetingRequest) models.MeetingRequest {
	t.Helper()
	request, err := s.CreateMeetingRequest(s.ctx, s.id, n)
	if err != nil {
		t.Fatalf("create meeting request: %v", err)
	}
	return *request
}

// meetingRequests lists the first page that filter lets through.
func (s fixture) meetingRequests(t *testing.T, filter models.MeetingRequestFilter) []models.MeetingRequest {
	t.Helper()
	page, err := s.MeetingRequests(s.ctx, s.id, filter, models.Page{Limit: models.MaxPageLimit})
	if err != nil {
		t.Fatalf("list meeting requests: %v", err)
	}
	return page.Items
}

// countMeetingRequests returns how many rows the tables of meeting requests hold.
func (s fixture) countMeetingRequests(t *testing.T) (requests, participants int64) {
	t.Helper()
	for table, n := range map[string]*int64{"meeting_requests": &requests, "meeting_request_participants": &participants} {
		if err := s.DB().Table(table).Count(n).Error; err != nil {
			t.Fatal(err)
		}
	}
	return requests, participants
}

func TestCreateMeetingRequest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Clock.Advance(345*time.Millisecond + 678*time.Microsecond)
		now, rome := s.Now(), time.FixedZone("", 3600)
		full := s.meetingRequest(t, models.NewMeetingRequest{
			OrganizerEmail:    "Ada@Acme.Test",
			OrganizerName:     new("Ada L."),
			OrganizerTimezone: new("Europe/London"),
			Participants: []models.NewParticipant{
				{Email: "Zoe@Example.org", Name: new("Zoë"), Timezone: new("America/Argentina/Buenos_Aires")},
				{Email: s.admin.User.Email},
			},
			IncludeIntroduction: true,
			Context: models.MeetingContext{
				Title: new("Kickoff"), Purpose: new("Start\nwell"), Description: new(""), DurationMinutes: new(45),
				Timeframe: models.Timeframe{
					Start: new(time.Date(2026, 3, 16, 9, 0, 0, 999_999_999, rome)),
					End:   new(time.Date(2026, 3, 20, 18, 0, 0, 0, rome)),
				},
			},
		})
		want := models.MeetingRequest{
			ID: full.ID, WorkspaceID: s.id, OrganizerID: s.admin.ID, OrganizerEmail: "ada@acme.test",
			OrganizerName: new("Ada L."), OrganizerTimezone: new("Europe/London"), Status: models.MeetingRequestActive,
			MeetingContext: models.MeetingContext{
				Title: new("Kickoff"), Purpose: new("Start\nwell"), Description: new(""), DurationMinutes: new(45),
				Timeframe: models.Timeframe{
					Start: new(time.Date(2026, 3, 16, 8, 0, 0, 0, time.UTC)),
					End:   new(time.Date(2026, 3, 20, 17, 0, 0, 0, time.UTC)),
				},
			},
			IncludeIntroduction: true, CreatedAt: now, UpdatedAt: now,
			Participants: []models.MeetingRequestParticipant{
				{MeetingRequestID: full.ID, WorkspaceID: s.id, Position: 0, Email: "zoe@example.org",
					Name: new("Zoë"), Timezone: new("America/Argentina/Buenos_Aires")},
				{MeetingRequestID: full.ID, WorkspaceID: s.id, Position: 1, Email: "ada@acme.test"},
			},
		}
		if diff := cmp.Diff(want, full); diff != "" {
			t.Errorf("created request (-want +got):\n%s", diff)
		}
		least := s.meetingRequest(t, s.ask(people(12)...))
		// PostgreSQL then keeps the first of them behind the others.
		s.Exec(t, "UPDATE meeting_request_participants SET name = name WHERE position = 0")
		if diff := cmp.Diff([]models.MeetingRequest{least, full}, s.meetingRequests(t, models.MeetingRequestFilter{})); diff != "" {
			t.Errorf("stored requests (-created +stored):\n%s", diff)
		}
	})
}

func TestCreateMeetingRequestStoresTextUnchanged(t *testing.T) {
	naughty := []string{
		"plain", " spaces around ", "undefined", "NULL", "0", "true", "-1e309", "2026-03-14T09:26:53.000Z", "2026-03-14 09:26:53.000",
		`'; DROP TABLE meeting_requests; --`, `"quoted" \ back\\slash`, "%s %d %n", "$1 ? :name @x", "<script>alert(1)</script>", "{{.}}",
		"é (one) é (two)", "田中さん", "مرحبا", "\u202eright to left", "👩‍👩‍👧‍👧 🇺🇳 \U0010ffff", "zero\u200bwidth\ufeff", "\ufffd", "line\u2028separator", "ﬁ ß İ K",
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, text := range naughty {
			lines := "\r\n\t" + text + "\n\n"
			made := s.meetingRequest(t, models.NewMeetingRequest{
				OrganizerEmail: s.admin.User.Email, OrganizerName: &text,
				Participants: []models.NewParticipant{{Email: "zoe@example.org", Name: &text}},
				Context:      models.MeetingContext{Title: &text, Purpose: &lines, Description: &lines},
			})
			read := s.meetingRequests(t, models.MeetingRequestFilter{})[0]
			if diff := cmp.Diff(made, read); diff != "" {
				t.Errorf("%q: stored request (-created +stored):\n%s", text, diff)
			}
			modelstest.Equal(t, "title", read.Title, new(text))
			modelstest.Equal(t, "description", read.Description, new(lines))
			modelstest.Equal(t, "participants[0] name", read.Participants[0].Name, new(text))
		}
	})
}

func TestCreateMeetingRequestIsAtomic(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Exec(t, "ALTER TABLE meeting_request_participants RENAME COLUMN timezone TO zone")
		wantUnchanged(t, s.Store, func() {
			_, err := s.CreateMeetingRequest(s.ctx, s.id, s.ask("zoe@example.org"))
			if err == nil || models.IsKind(err, models.Invalid) {
				t.Errorf("error = %v, want a private one", err)
			}
		})
	})
}

func TestCreateMeetingRequestDoesNotModifyInput(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		input := func() models.NewMeetingRequest {
			n := models.NewMeetingRequest{OrganizerEmail: "ADA@acme.test", Participants: []models.NewParticipant{{Email: "Zoe@Example.org"}}}
			n.Context.Timeframe.End = new(time.Date(2026, 4, 1, 0, 0, 0, 5, time.FixedZone("", 3600)))
			return n
		}
		n := input()
		s.meetingRequest(t, n)
		if diff := cmp.Diff(input(), n); diff != "" {
			t.Errorf("input (-before +after):\n%s", diff)
		}
	})
}

func TestCreateMeetingRequestInParallel(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, err := range atOnce(32, func(int) error {
			_, err := s.CreateMeetingRequest(s.ctx, s.id, s.ask(people(3)...))
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if requests, participants := s.countMeetingRequests(t); requests != 32 || participants != 96 {
			t.Errorf("requests = %d with %d participants, want 32 with 96", requests, participants)
		}
	})
}
