package models_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

type move struct {
	name string
	do   func(s fixture, id string) (*models.MeetingRequest, error)
}

var moves = []move{
	{"pause", func(s fixture, id string) (*models.MeetingRequest, error) {
		return s.PauseMeetingRequest(s.ctx, s.id, id)
	}},
	{"resume", func(s fixture, id string) (*models.MeetingRequest, error) {
		return s.ResumeMeetingRequest(s.ctx, s.id, id)
	}},
	{"book", func(s fixture, id string) (*models.MeetingRequest, error) {
		return s.BookMeetingRequest(s.ctx, s.id, id)
	}},
	{"cancel", func(s fixture, id string) (*models.MeetingRequest, error) {
		return s.CancelMeetingRequest(s.ctx, s.id, id, true)
	}},
	{"edit", func(s fixture, id string) (*models.MeetingRequest, error) {
		return s.EditMeetingRequest(s.ctx, s.id, id, models.MeetingRequestEdit{Title: models.To(new("New"))})
	}},
	{"change organizer", func(s fixture, id string) (*models.MeetingRequest, error) {
		return s.ChangeOrganizer(s.ctx, s.id, id, models.NewOrganizer{Email: s.admin.User.Email})
	}},
}

func TestMeetingRequestTransitions(t *testing.T) {
	allowed := map[string]map[models.MeetingRequestStatus]models.MeetingRequestStatus{
		"pause":            {"active": "paused"},
		"resume":           {"paused": "active"},
		"book":             {"active": "booked"},
		"cancel":           {"active": "cancelled", "paused": "cancelled"},
		"edit":             {"active": "active", "paused": "paused"},
		"change organizer": {"active": "active", "paused": "paused"},
	}
	ways := map[models.MeetingRequestStatus][]string{"active": nil, "paused": {"pause"}, "booked": {"book"}, "cancelled": {"cancel"}}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for from, way := range ways {
			for _, m := range moves {
				request := s.meetingRequest(t, s.ask("p@example.org"))
				for _, step := range way {
					s.take(t, step, request.ID)
				}
				to, ok := allowed[m.name][from]
				if !ok {
					wantUnchanged(t, s.Store, func() {
						_, err := m.do(s, request.ID)
						wantKind(t, err, models.FailedPrecondition)
						wantContains(t, err.Error(), string(from))
					})
					continue
				}
				if moved, err := m.do(s, request.ID); err != nil || moved.Status != to {
					t.Errorf("%s of a request that is %s: %+v, error = %v; want %s", m.name, from, moved, err, to)
				}
			}
		}
	})
}

func (s fixture) take(t *testing.T, step, id string) {
	t.Helper()
	for _, m := range moves {
		if m.name == step {
			if _, err := m.do(s, id); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTransitionsSetTimesAndPublishEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		request := s.meetingRequest(t, s.ask("p@example.org"))
		s.Clock.Advance(time.Minute)
		paused, err := s.PauseMeetingRequest(s.ctx, s.id, request.ID)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "paused at", paused.PausedAt, new(s.Now()))
		modelstest.Equal(t, "updated at", paused.UpdatedAt, s.Now())
		s.Clock.Advance(time.Minute)
		resumed, err := s.ResumeMeetingRequest(s.ctx, s.id, request.ID)
		if err != nil || resumed.PausedAt != nil {
			t.Fatalf("resumed request = %+v, error = %v", resumed, err)
		}
		cancelled, err := s.CancelMeetingRequest(s.ctx, s.id, request.ID, true)
		if err != nil || !cancelled.CancelledAt.Equal(s.Now()) {
			t.Fatalf("canceled request = %+v, error = %v", cancelled, err)
		}
		read, err := s.MeetingRequest(s.ctx, s.id, request.ID)
		if diff := cmp.Diff(cancelled, read); diff != "" || err != nil {
			t.Error(diff, err)
		}
		want := []string{"member.added", "meeting_request.created", "meeting_request.paused", "meeting_request.resumed", "meeting_request.cancelled"}
		if diff := cmp.Diff(want, s.events(t)); diff != "" {
			t.Error(diff)
		}
		var last models.Event
		if err := s.DB().Order("id DESC").Take(&last).Error; err != nil {
			t.Fatal(err)
		}
		wantContains(t, last.Data, `"status":"cancelled"`, `"notify":true`, `"id":"`+request.ID+`"`)
	})
}

func TestEditMeetingRequest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		n := s.ask("p@example.org", "q@example.org")
		n.Context.Title, n.Context.DurationMinutes = new("Before"), new(30)
		n.Context.Timeframe = models.Timeframe{Start: new(s.Now().Add(time.Hour)), End: new(s.Now().Add(2 * time.Hour))}
		before := s.meetingRequest(t, n)

		edited, err := s.EditMeetingRequest(s.ctx, s.id, before.ID, models.MeetingRequestEdit{
			Title: models.To[*string](nil), Purpose: models.To(new("Why")), TimeframeStart: models.To[*time.Time](nil),
			Participants: models.To([]models.NewParticipant{{Email: "R@example.org", Name: new("R")}}),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := before
		want.Title, want.Purpose, want.Timeframe.Start, want.UpdatedAt = nil, new("Why"), nil, s.Now()
		want.Participants = []models.MeetingRequestParticipant{{MeetingRequestID: before.ID, WorkspaceID: s.id, Email: "r@example.org", Name: new("R")}}
		read, readErr := s.MeetingRequest(s.ctx, s.id, before.ID)
		for _, got := range []*models.MeetingRequest{edited, read} {
			if diff := cmp.Diff(&want, got); diff != "" || readErr != nil {
				t.Error(diff, readErr)
			}
		}

		s.Clock.Advance(3 * time.Hour) // the timeframe is over
		if _, err := s.EditMeetingRequest(s.ctx, s.id, before.ID, models.MeetingRequestEdit{Title: models.To(new("Late"))}); err != nil {
			t.Errorf("edit the title after the timeframe has ended: %v", err)
		}
		elsewhere := newFixture(t, s.Store, "Rival", "rita@rival.test")
		wantUnchanged(t, s.Store, func() {
			_, err := s.EditMeetingRequest(s.ctx, s.id, before.ID, models.MeetingRequestEdit{
				OrganizerTimezone: models.To(new("Mars/Base")), Participants: models.To([]models.NewParticipant{}),
				DurationMinutes: models.To(new(1)), TimeframeEnd: models.To(new(s.Now())),
			})
			wantFields(t, err, "organizer_timezone", "participants", "context.duration_minutes", "context.timeframe.end")
			_, err = s.EditMeetingRequest(s.ctx, s.id, before.ID, models.MeetingRequestEdit{
				ParticipantEmails: models.To([]string{"a@example.org"}), Participants: models.To([]models.NewParticipant{{Email: "a@example.org"}}),
			})
			wantKind(t, err, models.FailedPrecondition)
			_, err = s.EditMeetingRequest(s.ctx, elsewhere.id, before.ID, models.MeetingRequestEdit{})
			wantKind(t, err, models.NotFound)
		})
	})
}
