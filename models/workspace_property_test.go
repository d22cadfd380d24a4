package models_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/skipup/keys/models"
)

// book is what a workspace should hold: a model of members, seats and meeting requests, as
// simple as it can be.
type book struct {
	fixture
	t        *testing.T
	active   map[string]bool // by member ID; false once deactivated
	admin    map[string]bool
	signsIn  map[string]bool
	seats    map[string]string // seat ID by member ID
	capacity int
	meetings map[string]models.MeetingRequestStatus
	people   int
}

// modelRounds is the number of random histories on each database. Each makes about 30 changes.
const modelRounds = "40"

func TestWorkspaceMatchesModel(t *testing.T) {
	if err := flag.Set("rapid.checks", modelRounds); err != nil {
		t.Fatal(err)
	}
	eachDatabase(t, func(t *testing.T, s fixture) {
		rounds := 0
		rapid.Check(t, func(r *rapid.T) {
			rounds++
			own := newFixture(t, s.Store, "Acme", fmt.Sprintf("admin%d@acme.test", rounds))
			b := &book{
				fixture: own, t: t, active: map[string]bool{own.admin.ID: true}, admin: map[string]bool{own.admin.ID: true},
				signsIn: map[string]bool{own.admin.ID: true}, seats: map[string]string{},
				capacity: models.DefaultSeatCapacity, meetings: map[string]models.MeetingRequestStatus{}, people: rounds * 1000,
			}
			r.Repeat(map[string]func(*rapid.T){
				"add":        b.addMember,
				"deactivate": b.deactivate,
				"reactivate": b.reactivate,
				"role":       b.changeRole,
				"assign":     b.assign,
				"release":    b.release,
				"capacity":   b.setCapacity,
				"ask":        b.askForMeeting,
				"move":       b.moveMeeting,
				"":           b.compare,
			})
		})
	})
}

// want fails unless err is nil exactly if the model allows the step.
func (b *book) want(r *rapid.T, allowed bool, err error) {
	if (err == nil) != allowed {
		r.Fatalf("allowed %t, error %v", allowed, err)
	}
}

func anyKey[V any](r *rapid.T, m map[string]V, what string) string {
	keys := make([]string, 0, len(m)+1)
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return rapid.SampledFrom(append(keys, "none")).Draw(r, what)
}

func (b *book) addMember(r *rapid.T) {
	b.people++
	role := rapid.SampledFrom([]models.Role{models.Admin, models.Viewer}).Draw(r, "role")
	email := fmt.Sprintf("p%d@acme.test", b.people)
	member, err := b.Store.Store.AddMember(b.ctx, b.id, models.NewMember{Email: email, Role: role})
	b.want(r, true, err)
	b.active[member.ID], b.admin[member.ID] = true, role == models.Admin
	if rapid.Bool().Draw(r, "joins") {
		invited, err := b.InviteMember(b.ctx, b.id, member.ID)
		b.want(r, true, err)
		_, err = b.AcceptInvitation(b.ctx, invited.Token, "Person", "a long enough passphrase")
		b.want(r, true, err)
		b.signsIn[member.ID] = true
	}
}

// adminsWithout counts the admins who can sign in beside one.
func (b *book) adminsWithout(id string) (n int) {
	for other, is := range b.admin {
		if is && other != id && b.active[other] && b.signsIn[other] {
			n++
		}
	}
	return n
}

func (b *book) deactivate(r *rapid.T) {
	id := anyKey(r, b.active, "member")
	_, err := b.DeactivateMember(b.ctx, b.id, id)
	b.want(r, b.active[id] && b.adminsWithout(id) > 0, err)
	if err == nil {
		b.active[id] = false
		delete(b.seats, id)
	}
}

func (b *book) reactivate(r *rapid.T) {
	id := anyKey(r, b.active, "member")
	_, known := b.active[id]
	_, err := b.ReactivateMember(b.ctx, b.id, id)
	b.want(r, known && !b.active[id], err)
	if err == nil {
		b.active[id] = true
	}
}

func (b *book) changeRole(r *rapid.T) {
	id := anyKey(r, b.active, "member")
	role := rapid.SampledFrom([]models.Role{models.Admin, models.Viewer}).Draw(r, "role")
	_, err := b.ChangeMemberRole(b.ctx, b.id, id, role)
	b.want(r, b.active[id] && (role == models.Admin || b.adminsWithout(id) > 0), err)
	if err == nil {
		b.admin[id] = role == models.Admin
	}
}

func (b *book) assign(r *rapid.T) {
	id := anyKey(r, b.active, "member")
	_, seated := b.seats[id]
	seat, err := b.AssignSeat(b.ctx, b.id, id)
	b.want(r, b.active[id] && !seated && len(b.seats) < b.capacity, err)
	if err == nil {
		b.seats[id] = seat.ID
	}
}

func (b *book) release(r *rapid.T) {
	id := anyKey(r, b.seats, "holder")
	seat, seated := b.seats[id]
	b.want(r, seated, b.ReleaseSeat(b.ctx, b.id, seat))
	delete(b.seats, id)
}

func (b *book) setCapacity(r *rapid.T) {
	capacity := rapid.IntRange(0, 6).Draw(r, "capacity")
	_, err := b.SetSeatCapacity(b.ctx, b.id, capacity)
	b.want(r, capacity >= len(b.seats), err)
	if err == nil {
		b.capacity = capacity
	}
}

func (b *book) askForMeeting(r *rapid.T) {
	id := anyKey(r, b.active, "organizer")
	email := "unknown@acme.test"
	if member, err := b.Member(b.ctx, b.id, id); err == nil {
		email = member.User.Email
	}
	request, err := b.CreateMeetingRequest(b.ctx, b.id, models.NewMeetingRequest{OrganizerEmail: email, ParticipantEmails: []string{"p@example.org"}})
	b.want(r, b.active[id], err)
	if err == nil {
		b.meetings[request.ID] = request.Status
	}
}

func (b *book) moveMeeting(r *rapid.T) {
	id := anyKey(r, b.meetings, "meeting request")
	moved := rapid.SampledFrom(moves[:4]).Draw(r, "move")
	next := map[string]map[models.MeetingRequestStatus]models.MeetingRequestStatus{
		"pause": {"active": "paused"}, "resume": {"paused": "active"}, "book": {"active": "booked"},
		"cancel": {"active": "cancelled", "paused": "cancelled"},
	}[moved.name]
	to, allowed := next[b.meetings[id]]
	_, err := moved.do(b.fixture, id)
	b.want(r, allowed, err)
	if allowed {
		b.meetings[id] = to
	}
}

// compare fails unless the Store shows what the model holds.
func (b *book) compare(r *rapid.T) {
	usage, err := b.SeatUsage(b.ctx, b.id)
	if err != nil || usage != (models.SeatUsage{Capacity: b.capacity, Used: len(b.seats)}) {
		r.Fatalf("seats %+v, %v; want %d of %d", usage, err, len(b.seats), b.capacity)
	}
	counts, err := b.MemberCounts(b.ctx, b.id)
	var active, deactivated int64
	for _, is := range b.active {
		if is {
			active++
		} else {
			deactivated++
		}
	}
	if err != nil || counts.Active != active || counts.Deactivated != deactivated {
		r.Fatalf("members %+v, %v; want %d and %d", counts, err, active, deactivated)
	}
	got := map[string]models.MeetingRequestStatus{}
	page := models.Page{Limit: 7}
	for {
		requests, err := b.MeetingRequests(b.ctx, b.id, models.MeetingRequestFilter{}, page)
		if err != nil {
			r.Fatal(err)
		}
		for _, request := range requests.Items {
			got[request.ID] = request.Status
		}
		if page.Cursor = requests.NextCursor; page.Cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(b.meetings) {
		r.Fatalf("meeting requests %v, want %v", got, b.meetings)
	}
}
