// Package demo creates the demo workspace: a company with 90 days of usage and findings for its
// admins to review. It replays a history through the Store with a clock set to the past, so that
// the audit log verifies and all sums add up.
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

// days returns a duration of n days.
func days(n float64) time.Duration { return time.Duration(n * 24 * float64(time.Hour)) }

// Workspace is the demo workspace as the server needs it.
type Workspace struct {
	ID              string
	Email, Password string // of the admin
	clients         []client
}

// Options configure Create.
type Options struct {
	Store *models.Store
	Clock *Clock // the Store's clock
	// Receivers is the base URL of the webhook receivers.
	Receivers string
}

// history is a workspace under construction. It is deterministic except for IDs and secrets.
type history struct {
	Options
	now       time.Time
	random    *mathrand.Rand
	events    []event
	workspace *models.Workspace
	password  string
	people    map[string]*person
	keys      map[string]*key
	meetings  int // number created so far
}

// event is something that happened some time ago.
type event struct {
	ago    time.Duration
	replay func(ctx context.Context) error
}

// Create creates the workspace in an empty database, with a history that ends now.
func Create(ctx context.Context, options Options) (*Workspace, error) {
	h := &history{
		Options: options, now: options.Clock.Now(), random: mathrand.New(mathrand.NewPCG(19, 85)), password: rand.Text(),
		people: map[string]*person{}, keys: map[string]*key{},
	}
	h.addPeople()
	h.addKeys()
	h.addMeetings()
	h.addWebhooks()
	if err := h.replay(ctx); err != nil {
		return nil, err
	}
	if err := h.addUsage(ctx); err != nil {
		return nil, err
	}
	return &Workspace{ID: h.workspace.ID, Email: people[0].email, Password: h.password, clients: h.clients()}, nil
}

// at adds an event to the history.
func (h *history) at(daysAgo float64, replay func(ctx context.Context) error) {
	h.events = append(h.events, event{days(daysAgo), replay})
}

// replay replays all events in chronological order.
func (h *history) replay(ctx context.Context) error {
	slices.SortStableFunc(h.events, func(a, b event) int { return cmp.Compare(b.ago, a.ago) })
	for _, e := range h.events {
		h.Clock.Set(h.now.Add(-e.ago))
		if err := e.replay(ctx); err != nil {
			return fmt.Errorf("replay event of %s ago: %w", e.ago, err)
		}
	}
	h.Clock.Set(h.now)
	return nil
}
