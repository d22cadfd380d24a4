// Package demo makes a workspace to look at: a company with ninety days of usage behind it and
// much for its admins to find. All of it comes about as it would in earnest, through the Store, at
// the times at which it is said to have happened; so the audit log verifies and every sum adds up.
package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/skipup/keys/models"
)

// days is so many days.
func days(n float64) time.Duration { return time.Duration(n * 24 * float64(time.Hour)) }

// Workspace is the demo as its server needs it.
type Workspace struct {
	ID              string
	Email, Password string // of the admin who signs in
	clients         []client
}

// Options are what Make is given.
type Options struct {
	Store *models.Store
	Clock *Clock // of Store
	// Receivers is the address of the server that gets the webhooks.
	Receivers string
}

// history is a workspace while it is being made. The same seed and the same hour make the same.
type history struct {
	Options
	now       time.Time
	chance    *mathrand.Rand
	moments   []moment
	workspace *models.Workspace
	password  string
	people    map[string]*person
	keys      map[string]*key
	meetings  int // asked for so far
}

// moment is something that happened so long ago.
type moment struct {
	ago    time.Duration
	happen func(ctx context.Context) error
}

// Make makes the workspace up to what the clock shows, in an empty database.
func Make(ctx context.Context, options Options) (*Workspace, error) {
	h := &history{
		Options: options, now: options.Clock.Now(), chance: mathrand.New(mathrand.NewPCG(19, 85)), password: rand.Text(),
		people: map[string]*person{}, keys: map[string]*key{},
	}
	h.tellOfPeople()
	h.tellOfKeys()
	h.tellOfMeetings()
	h.tellOfWebhooks()
	if err := h.replay(ctx); err != nil {
		return nil, err
	}
	if err := h.addUsage(ctx); err != nil {
		return nil, err
	}
	return &Workspace{ID: h.workspace.ID, Email: people[0].email, Password: h.password, clients: h.clients()}, nil
}

// at notes what happened some days ago.
func (h *history) at(daysAgo float64, happen func(ctx context.Context) error) {
	h.moments = append(h.moments, moment{days(daysAgo), happen})
}

// replay has everything happen in the order of time.
func (h *history) replay(ctx context.Context) error {
	slices.SortStableFunc(h.moments, func(a, b moment) int { return cmp.Compare(b.ago, a.ago) })
	for _, m := range h.moments {
		h.Clock.Set(h.now.Add(-m.ago))
		if err := m.happen(ctx); err != nil {
			return fmt.Errorf("%s ago: %w", m.ago, err)
		}
	}
	h.Clock.Set(h.now)
	return nil
}
