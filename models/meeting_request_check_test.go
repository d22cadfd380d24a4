package models_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// askFor is a meeting request that is well but for what change does to it.
type askFor func(*models.NewMeetingRequest)

func (change askFor) in(s fixture) models.NewMeetingRequest {
	n := s.ask("zoe@example.org")
	change(&n)
	return n
}

func organizer(email string) askFor {
	return func(n *models.NewMeetingRequest) { n.OrganizerEmail = email }
}

func organizerName(name *string) askFor {
	return func(n *models.NewMeetingRequest) { n.OrganizerName = name }
}

func organizerTimezone(zone string) askFor {
	return func(n *models.NewMeetingRequest) { n.OrganizerTimezone = &zone }
}

func addresses(emails ...string) askFor {
	return func(n *models.NewMeetingRequest) { n.ParticipantEmails = emails }
}

func participants(p ...models.NewParticipant) askFor {
	return func(n *models.NewMeetingRequest) { n.ParticipantEmails, n.Participants = nil, p }
}

func about(c models.MeetingContext) askFor {
	return func(n *models.NewMeetingRequest) { n.Context = c }
}

func timeframe(start, end *time.Time) askFor {
	return about(models.MeetingContext{Timeframe: models.Timeframe{Start: start, End: end}})
}

// long returns a text of n characters, each of two bytes.
func long(characters int) *string { return new(strings.Repeat("é", characters)) }

// after returns a time after the start of the clock.
func after(d time.Duration) *time.Time { return new(modelstest.Start.Add(d)) }

func TestCreateMeetingRequestAccepts(t *testing.T) {
	tests := map[string]askFor{
		"one person":                  addresses(people(1)...),
		"fifty people":                addresses(people(50)...),
		"the organizer alone":         addresses("ada@acme.test"),
		"one participant in detail":   participants(models.NewParticipant{Email: "z@example.org", Name: long(100), Timezone: new("UTC")}),
		"organizer in capitals":       organizer("ADA@ACME.TEST"),
		"longest name":                organizerName(long(100)),
		"zone with a slash":           organizerTimezone("Europe/Rome"),
		"zone of three parts":         organizerTimezone("America/Indiana/Knox"),
		"zone with a sign":            organizerTimezone("Etc/GMT+5"),
		"longest title":               about(models.MeetingContext{Title: long(200)}),
		"longest purpose":             about(models.MeetingContext{Purpose: long(1000)}),
		"longest description":         about(models.MeetingContext{Description: long(5000)}),
		"shortest meeting":            about(models.MeetingContext{DurationMinutes: new(5)}),
		"longest meeting":             about(models.MeetingContext{DurationMinutes: new(1440)}),
		"timeframe without an end":    timeframe(after(0), nil),
		"timeframe without a start":   timeframe(nil, after(time.Second)),
		"timeframe that has begun":    timeframe(after(-time.Hour), after(time.Second)),
		"shortest timeframe":          timeframe(after(time.Hour), after(time.Hour+time.Second)),
		"timeframe of all times":      timeframe(new(time.Time{}), new(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))),
		"timeframe west of Greenwich": timeframe(nil, new(after(time.Minute).In(time.FixedZone("", -12*3600)))),
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for name, change := range tests {
			t.Run(name, func(t *testing.T) {
				made := s.meetingRequest(t, change.in(s))
				read := s.meetingRequests(t, models.MeetingRequestFilter{})[0]
				if diff := cmp.Diff(made, read); diff != "" {
					t.Errorf("stored request (-created +stored):\n%s", diff)
				}
			})
		}
	})
}

func TestCreateMeetingRequestRejects(t *testing.T) {
	type test struct {
		name   string
		change askFor
		fields string
	}
	tests := []test{
		{"no organizer", organizer(""), "organizer_email"},
		{"organizer that is no address", organizer("Ada <ada@acme.test>"), "organizer_email"},
		{"organizer with a NUL", organizer("ada\x00@acme.test"), "organizer_email"},
		{"unknown organizer", organizer("unknown@acme.test"), "organizer_email"},
		{"organizer of another workspace", organizer("eve@other.test"), "organizer_email"},
		{"deactivated organizer", organizer("gone@acme.test"), "organizer_email"},
		{"empty organizer name", organizerName(new("")), "organizer_name"},
		{"organizer name too long", organizerName(long(101)), "organizer_name"},
		{"nobody to meet", addresses(), "participant_emails"},
		{"empty list of addresses", addresses([]string{}...), "participant_emails"},
		{"empty list of participants", participants([]models.NewParticipant{}...), "participants"},
		{"51 people", addresses(people(51)...), "participant_emails"},
		{"bad addresses", addresses("a@example.org", "", "b@example.org", "b", strings.Repeat("b", 250)+"@example.org"),
			"participant_emails[1] participant_emails[3] participant_emails[4]"},
		{"address twice", addresses("a@example.org", "b@example.org", "c@example.org", "B@Example.ORG"), "participant_emails[3]"},
		{"participant twice", participants(models.NewParticipant{Email: "a@example.org"}, models.NewParticipant{Email: "A@example.org"}), "participants[1].email"},
		{"participant without address", participants(models.NewParticipant{Name: new("Zoe")}), "participants[0].email"},
		{"bad participant", participants(models.NewParticipant{Email: "z@example.org", Name: long(101), Timezone: new("Mars/Base")}),
			"participants[0].name participants[0].timezone"},
		{"empty title", about(models.MeetingContext{Title: new(" ")}), "context.title"},
		{"title of two lines", about(models.MeetingContext{Title: new("a\nb")}), "context.title"},
		{"title too long", about(models.MeetingContext{Title: long(201)}), "context.title"},
		{"purpose too long", about(models.MeetingContext{Purpose: long(1001)}), "context.purpose"},
		{"description too long", about(models.MeetingContext{Description: long(5001)}), "context.description"},
		{"broken UTF-8", about(models.MeetingContext{Title: new("\xff"), Purpose: new("\xc3("), Description: new("\xed\xa0\x80")}),
			"context.title context.purpose context.description"},
		{"NUL", about(models.MeetingContext{Title: new("a\x00"), Purpose: new("\x00"), Description: new("a\x00b")}),
			"context.title context.purpose context.description"},
		{"control characters", about(models.MeetingContext{Purpose: new("\x1b[31m"), Description: new("\u0085")}), "context.purpose context.description"},
		{"meeting too short", about(models.MeetingContext{DurationMinutes: new(4)}), "context.duration_minutes"},
		{"meeting too long", about(models.MeetingContext{DurationMinutes: new(1441)}), "context.duration_minutes"},
		{"timeframe that is over", timeframe(nil, after(0)), "context.timeframe.end"},
		{"timeframe over within the second", timeframe(nil, after(999*time.Millisecond)), "context.timeframe.end"},
		{"timeframe of no time", timeframe(after(time.Hour), after(time.Hour)), "context.timeframe.end"},
		{"timeframe of less than a second", timeframe(after(time.Hour), after(time.Hour+999*time.Millisecond)), "context.timeframe.end"},
		{"timeframe backwards", timeframe(after(2*time.Hour), after(time.Hour)), "context.timeframe.end"},
		{"timeframe out of range", timeframe(new(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)), new(time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600)))),
			"context.timeframe.start context.timeframe.end"},
		{"two mistakes", func(n *models.NewMeetingRequest) { n.OrganizerEmail, n.ParticipantEmails = "", nil }, "organizer_email participant_emails"},
	}
	for _, zone := range []string{"", "Local", "localtime", "posixrules", "Factory", "Mars/Base", "Europe", "Europe//Rome", "./UTC", "Europe/Rome/",
		"../zoneinfo/UTC", "/etc/localtime", "posix/UTC", "right/UTC", "zone.tab", "UTC\x00", "\xff", " UTC", "+01:00"} {
		tests = append(tests, test{"zone " + zone, organizerTimezone(zone), "organizer_timezone"})
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		// The organizer who is gone here is still active elsewhere.
		s.Exec(t, "INSERT INTO members (id, workspace_id, user_id, role, deactivated_at, created_at, updated_at) "+
			"SELECT 'mem_gone', $1, user_id, role, created_at, created_at, updated_at FROM members WHERE id = $2",
			s.id, newFixture(t, s.Store, "Own", "gone@acme.test").admin.ID)
		newFixture(t, s.Store, "Other", "eve@other.test")
		wantUnchanged(t, s.Store, func() {
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					request, err := s.CreateMeetingRequest(s.ctx, s.id, tt.change.in(s))
					wantKind(t, err, models.Invalid)
					wantFields(t, err, strings.Fields(tt.fields)...)
					if request != nil {
						t.Errorf("request = %v, want nil", request)
					}
				})
			}
			n := s.ask("zoe@example.org")
			n.Participants = []models.NewParticipant{}
			_, err := s.CreateMeetingRequest(s.ctx, s.id, n)
			wantKind(t, err, models.FailedPrecondition)
		})
	})
}
