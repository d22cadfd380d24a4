package models_test

import (
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/skipup/keys/models"
)

func idsOf(requests []models.MeetingRequest) []string {
	ids := make([]string, len(requests))
	for i, r := range requests {
		ids[i] = r.ID
	}
	return ids
}

func TestMeetingRequestsFilter(t *testing.T) {
	type filter = models.MeetingRequestFilter
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.AddMember(t, &models.Workspace{ID: s.id}, "bob@acme.test")
		made := map[rune]string{} // ID by name
		create := func(name rune, organizer string, participants ...string) {
			n := s.ask(participants...)
			n.OrganizerEmail = organizer
			made[name] = s.meetingRequest(t, n).ID
		}
		create('a', "ada@acme.test", "zoe@example.org", "yan@example.org") // 09:26:53.000
		s.Clock.Advance(999 * time.Millisecond)
		create('b', "ada@acme.test", "yan@example.org") // 09:26:53.999
		s.Clock.Advance(time.Millisecond)
		create('c', "bob@acme.test", "zoe@example.org", "zoe_@example.org") // 09:26:54.000
		s.Clock.Advance(time.Second)
		create('d', "bob@acme.test", "yan@example.org", "bob@acme.test") // 09:26:55.000
		s.Exec(t, "UPDATE meeting_requests SET status = 'booked' WHERE id = $1", made['b'])
		s.Exec(t, "UPDATE meeting_requests SET status = 'paused' WHERE id = $1", made['d'])

		tests := []struct {
			name   string
			filter filter
			want   string // names, newest first
		}{
			{"nothing", filter{}, "dcba"},
			{"participant", filter{ParticipantEmail: "ZOE@example.org"}, "ca"},
			{"participant taken literally", filter{ParticipantEmail: "zo_@example.org"}, ""},
			{"organizer", filter{OrganizerEmail: "Bob@Acme.Test"}, "dc"},
			{"organizer taken literally", filter{OrganizerEmail: "b_b@acme.test"}, ""},
			{"participant and organizer", filter{ParticipantEmail: "yan@example.org", OrganizerEmail: "ada@acme.test"}, "ba"},
			{"active", filter{Status: models.MeetingRequestActive}, "ca"},
			{"paused", filter{Status: models.MeetingRequestPaused}, "d"},
			{"booked", filter{Status: models.MeetingRequestBooked}, "b"},
			{"cancelled", filter{Status: models.MeetingRequestCancelled}, ""},
			{"after, inclusive", filter{CreatedAfter: after(time.Second)}, "dc"},
			{"after, within the second", filter{CreatedAfter: after(500 * time.Millisecond)}, "dcba"},
			{"after all", filter{CreatedAfter: after(3 * time.Second)}, ""},
			{"before, to the end of the second", filter{CreatedBefore: after(0)}, "ba"},
			{"before, in another zone", filter{CreatedBefore: new(after(time.Second).In(time.FixedZone("", 7200)))}, "cba"},
			{"before all", filter{CreatedBefore: after(-time.Second)}, ""},
			{"one second", filter{CreatedAfter: after(time.Second), CreatedBefore: after(time.Second)}, "c"},
			{"backwards", filter{CreatedAfter: after(time.Second), CreatedBefore: after(0)}, ""},
			{"all times", filter{CreatedAfter: new(time.Time{}), CreatedBefore: new(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))}, "dcba"},
			{"long ago", filter{CreatedBefore: new(time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC))}, ""},
			{"everything", filter{ParticipantEmail: "zoe@example.org", OrganizerEmail: "bob@acme.test",
				Status: models.MeetingRequestActive, CreatedAfter: after(0), CreatedBefore: after(time.Second)}, "c"},
		}
		for _, tt := range tests {
			want := []string{}
			for _, name := range tt.want {
				want = append(want, made[name])
			}
			if got := idsOf(s.meetingRequests(t, tt.filter)); !slices.Equal(got, want) {
				t.Errorf("%s: listed %v, want %v of %q", tt.name, got, want, made)
			}
		}
	})
}

// TestMeetingRequestsTimeFilter checks that times, bounds, and order agree even if the clock
// goes back.
func TestMeetingRequestsTimeFilter(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.Clock.Advance(time.Minute)
		first := s.meetingRequest(t, s.ask("zoe@example.org"))
		s.Clock.Advance(-time.Minute)
		second := s.meetingRequest(t, s.ask("zoe@example.org"))
		if second.CreatedAt.Before(first.CreatedAt) {
			t.Errorf("second request was created at %s, before the first at %s", second.CreatedAt, first.CreatedAt)
		}
		for _, r := range []models.MeetingRequest{first, second} {
			listed := s.meetingRequests(t, models.MeetingRequestFilter{CreatedAfter: &r.CreatedAt, CreatedBefore: &r.CreatedAt})
			if !slices.Contains(idsOf(listed), r.ID) {
				t.Errorf("%s is not listed with both bounds at %s", r.ID, r.CreatedAt)
			}
		}
	})
}

func TestMeetingRequestsRejectsFilters(t *testing.T) {
	type filter = models.MeetingRequestFilter
	tests := []struct {
		name   string
		filter filter
		page   models.Page
		field  string
	}{
		{"unknown state", filter{Status: "done"}, models.Page{}, "status"},
		{"state in capitals", filter{Status: "Active"}, models.Page{}, "status"},
		{"participant", filter{ParticipantEmail: "zoe\x00@example.org"}, models.Page{}, "participant_email"},
		{"organizer", filter{OrganizerEmail: "\xff@example.org"}, models.Page{}, "organizer_email"},
		{"after the year 9999", filter{CreatedAfter: new(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}, models.Page{}, "created_after"},
		{"before the year 1", filter{CreatedBefore: new(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC))}, models.Page{}, "created_before"},
		{"limit", filter{}, models.Page{Limit: 101}, "limit"},
		{"cursor", filter{}, models.Page{Cursor: "mr_1"}, "cursor"},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				_, err := s.MeetingRequests(s.ctx, s.id, tt.filter, tt.page)
				wantKind(t, err, models.Invalid)
				wantFields(t, err, tt.field)
			})
		}
	})
}

// TestMeetingRequestsPagingIsStable adds matching requests between pages.
func TestMeetingRequestsPagingIsStable(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		filter := models.MeetingRequestFilter{ParticipantEmail: "zoe@example.org", CreatedBefore: after(time.Hour)}
		var want []string
		for i := range 11 {
			want = append(want, s.meetingRequest(t, s.ask("zoe@example.org", "yan@example.org")).ID)
			s.meetingRequest(t, s.ask("yan@example.org"))
			s.Clock.Advance(time.Duration(i%2) * time.Millisecond)
		}
		slices.Reverse(want)
		var got []string
		for page := (models.Page{Limit: 3}); ; {
			list, err := s.MeetingRequests(s.ctx, s.id, filter, page)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, idsOf(list.Items)...)
			if list.NextCursor == "" {
				break
			}
			page.Cursor = list.NextCursor
			s.meetingRequest(t, s.ask("zoe@example.org"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("walked %v, want %v", got, want)
		}
	})
}

func TestMeetingRequestsReadsParticipantsInOneQuery(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 9 {
			s.meetingRequest(t, s.ask(people(2)...))
		}
		queries := 0
		if err := s.DB().Callback().Query().Before("gorm:query").Register("count", func(*gorm.DB) { queries++ }); err != nil {
			t.Fatal(err)
		}
		listed := s.meetingRequests(t, models.MeetingRequestFilter{ParticipantEmail: "p1@example.org"})
		if len(listed) != 9 || queries != 2 {
			t.Errorf("requests = %d with %d queries, want 9 with 2", len(listed), queries)
		}
	})
}

func TestMeetingRequestsRejectsCursorOfOtherFilter(t *testing.T) {
	type filter = models.MeetingRequestFilter
	tests := []struct {
		name    string
		change  func(*filter)
		refused bool
	}{
		{"same", func(*filter) {}, false},
		{"same in other words", func(f *filter) {
			f.ParticipantEmail, f.CreatedAfter = "Zoe@Example.ORG", new(after(time.Millisecond).In(time.FixedZone("", 3600)))
		}, false},
		{"other participant", func(f *filter) { f.ParticipantEmail = "" }, true},
		{"other organizer", func(f *filter) { f.OrganizerEmail = "" }, true},
		{"other state", func(f *filter) { f.Status = "" }, true},
		{"other start", func(f *filter) { f.CreatedAfter = nil }, true},
		{"other end", func(f *filter) { f.CreatedBefore = after(0) }, true},
		{"bounds swapped", func(f *filter) { f.CreatedAfter, f.CreatedBefore = f.CreatedBefore, f.CreatedAfter }, true},
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		for range 3 {
			s.meetingRequest(t, s.ask("zoe@example.org"))
		}
		same := filter{ParticipantEmail: "zoe@example.org", OrganizerEmail: s.admin.User.Email,
			Status: models.MeetingRequestActive, CreatedAfter: after(0), CreatedBefore: after(time.Minute)}
		first, err := s.MeetingRequests(s.ctx, s.id, same, models.Page{Limit: 1})
		if err != nil || first.NextCursor == "" {
			t.Fatalf("first page: cursor = %q, error = %v", first.NextCursor, err)
		}
		page := models.Page{Limit: 1, Cursor: first.NextCursor}
		for _, tt := range tests {
			changed := same
			tt.change(&changed)
			_, err := s.MeetingRequests(s.ctx, s.id, changed, page)
			if tt.refused {
				wantFields(t, err, "cursor")
			} else if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		_, err = s.MeetingRequests(s.ctx, newFixture(t, s.Store, "Other", "eve@other.test").id, same, page)
		wantFields(t, err, "cursor")
	})
}

func TestMeetingRequestsOfOtherWorkspacesAreHidden(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		other := newFixture(t, s.Store, "Other", s.admin.User.Email)
		s.meetingRequest(t, s.ask("zoe@example.org"))
		for _, filter := range []models.MeetingRequestFilter{
			{}, {ParticipantEmail: "zoe@example.org"}, {OrganizerEmail: s.admin.User.Email}, {Status: models.MeetingRequestActive}, {CreatedAfter: after(0)},
		} {
			if own, others := s.meetingRequests(t, filter), other.meetingRequests(t, filter); len(own) != 1 || len(others) != 0 {
				t.Errorf("%+v: own requests = %v, those of another workspace = %v; want 1 and 0", filter, idsOf(own), idsOf(others))
			}
		}
	})
}
