package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/skipup/keys/models"
)

var titles = []string{
	"Quarterly review", "Product demo", "Kickoff", "Contract renewal", "Onboarding call", "Security questions",
	"Pilot retrospective", "Interview", "Pricing", "Roadmap preview", "Support handover", "Partner introduction",
}

var guests = []string{
	"amara@lumen.example", "b.schmidt@nordwerk.example", "carla@fjord.example", "deniz@atlas.example", "elena.rossi@vela.example",
	"f.dubois@marche.example", "grace@kestrel.example", "hiro@sakura.example", "isabel@solano.example", "jun@pinewood.example",
}

const meetings = 42

// addMeetings adds meeting requests over 90 days. Most are booked a few days later, and some recent
// ones are still open.
func (h *history) addMeetings() {
	for i := range meetings {
		ago := 88 * (1 - float64(i)/meetings)
		var id string
		h.at(ago, func(ctx context.Context) error {
			request, err := h.Store.CreateMeetingRequest(h.asKey(ctx, "Website booking form"), h.workspace.ID, h.newMeeting())
			if err == nil {
				id = request.ID
			}
			return err
		})
		change := h.Store.BookMeetingRequest
		by := func(ctx context.Context) context.Context {
			return models.WithActor(ctx, models.Actor{Type: models.ActorSystem})
		}
		switch {
		case i%9 == 4:
			change, by = h.cancel, func(ctx context.Context) context.Context { return h.asKey(ctx, "CRM sync") }
		case i%13 == 11 || i == meetings-3:
			change, by = h.Store.PauseMeetingRequest, func(ctx context.Context) context.Context { return h.asKey(ctx, "CRM sync") }
		case i >= meetings-5:
			continue
		}
		h.at(max(ago-0.3-2*h.random.Float64(), 0.05), func(ctx context.Context) error {
			_, err := change(by(ctx), h.workspace.ID, id)
			return err
		})
	}
}

func (h *history) cancel(ctx context.Context, workspaceID, id string) (*models.MeetingRequest, error) {
	return h.Store.CancelMeetingRequest(ctx, workspaceID, id, true)
}

func (h *history) newMeeting() models.NewMeetingRequest {
	h.meetings++
	organizer := []string{people[0].email, people[1].email, people[3].email, people[4].email}[h.random.IntN(4)]
	from := h.Clock.Now().Add(days(2)).Truncate(24 * time.Hour).Add(9 * time.Hour)
	until, minutes := from.Add(days(7)), 30+15*h.random.IntN(3)
	title := fmt.Sprintf("%s, no. %d", titles[h.random.IntN(len(titles))], h.meetings)
	return models.NewMeetingRequest{
		OrganizerEmail: organizer, ParticipantEmails: []string{guests[h.random.IntN(len(guests))]}, IncludeIntroduction: h.random.IntN(4) == 0,
		Context: models.MeetingContext{Title: &title, DurationMinutes: &minutes, Timeframe: models.Timeframe{Start: &from, End: &until}},
	}
}
