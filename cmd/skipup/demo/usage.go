package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
)

// recorded is for how long usage is told of: a little more than ninety days for the keys that have
// been idle since.
const recorded = 118.0

// rhythm is which part of its height a use reaches at a time, from 0 to 1.
type rhythm func(at time.Time) float64

func steady(time.Time) float64 { return 1 }

// office is busy at the hours of an office in the zones of Europe, and almost still at weekends.
func office(at time.Time) float64 {
	return weekday(at, 0.07) * (0.05 + 0.95*bell(at, 12.5, 3.6))
}

// evenings is busy from noon on, at weekends too.
func evenings(at time.Time) float64 { return weekday(at, 0.55) * (0.08 + 0.92*bell(at, 17, 4.2)) }

// nightly and mornings are jobs of one hour.
func nightly(at time.Time) float64 { return only(at, 2) }

func mornings(at time.Time) float64 { return only(at, 6) * weekday(at, 0) }

func only(at time.Time, hour int) float64 {
	if at.Hour() == hour {
		return 1
	}
	return 0
}

func weekday(at time.Time, weekend float64) float64 {
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		return weekend
	}
	return 1
}

func bell(at time.Time, height, width float64) float64 {
	distance := (float64(at.Hour()) + 0.5 - height) / width
	return math.Exp(-distance * distance / 2)
}

// incidents are when the API answered a part of all requests with an error of its own.
var incidents = []struct{ ago, hours, part float64 }{{61.4, 5, 0.5}, {23.3, 6, 0.65}, {8.4, 2, 0.4}}

// failing is the part of requests that failed at a time.
func (h *history) failing(at time.Time) float64 {
	for _, incident := range incidents {
		since := at.Sub(h.now.Add(-days(incident.ago)).Truncate(time.Hour)).Hours()
		if since >= 0 && since < incident.hours {
			return incident.part
		}
	}
	return 0
}

// addUsage adds what all keys were used for, a batch for each.
func (h *history) addUsage(ctx context.Context) error {
	scopes := map[string]string{}
	for _, route := range api.Routes(h.Store) {
		scopes[route.Name()] = route.ScopeWord()
	}
	for _, k := range keys() {
		batch, err := h.usageOf(h.keys[k.name], scopes)
		if err != nil {
			return err
		}
		if err := h.addBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// portion is as much as is folded at once without a pause.
const portion = 2000

func (h *history) addBatch(ctx context.Context, batch models.UsageBatch) error {
	all := batch.Tallies
	for some := range slices.Chunk(all, portion) {
		batch.ID, batch.Tallies = rand.Text(), some
		if err := h.Store.AppendUsage(ctx, batch); err != nil {
			return err
		}
		if err := h.Store.FoldUsage(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) usageOf(k *key, scopes map[string]string) (models.UsageBatch, error) {
	var batch models.UsageBatch
	keyID, err := ulidOf(k.id)
	if err != nil {
		return batch, err
	}
	workspaceID, err := ulidOf(h.workspace.ID)
	if err != nil {
		return batch, err
	}
	for _, u := range k.uses {
		batch.Routes = append(batch.Routes, models.UsageRoute{Name: u.route, Scope: scopes[u.route]})
	}
	for _, c := range k.callers {
		batch.Callers = append(batch.Callers, models.UsageCaller{Address: c.address, UserAgent: c.agent})
	}
	for hour := h.now.Add(-days(recorded)).Truncate(time.Hour); hour.Before(h.now); hour = hour.Add(time.Hour) {
		for i, u := range k.uses {
			for _, t := range h.tallies(k, u, hour) {
				t.Key, t.Workspace, t.Route = keyID, workspaceID, i
				batch.Tallies = append(batch.Tallies, t)
			}
		}
	}
	return batch, nil
}

// tallies is one use of a key in an hour, all from one of its callers; in an incident there are
// two, since some of it failed.
func (h *history) tallies(k *key, u use, hour time.Time) []models.UsageTally {
	length := min(time.Hour, h.now.Sub(hour)-5*time.Second)
	if length <= 0 || hour.Before(k.madeAt) || !h.within(hour, u.from, u.until) || !h.within(hour, 0, k.idle) {
		return nil
	}
	if !k.deadAt.IsZero() && hour.Before(k.deadAt) && hour.Add(time.Hour).After(k.deadAt) {
		return nil // it cannot be told which part of the hour was refused
	}
	var calling []int
	for i, c := range k.callers {
		if h.within(hour, c.from, c.until) {
			calling = append(calling, i)
		}
	}
	if len(calling) == 0 {
		return nil
	}
	trend := 1 - 0.35*h.now.Sub(hour).Hours()/(90*24)
	height := u.perHour * u.rhythm(hour) * trend * length.Hours() * float64(len(calling)) / float64(len(k.callers))
	requests := h.around(height)
	if requests == 0 {
		return nil
	}
	first := hour.Add(time.Duration(h.chance.Float64() * 0.2 * float64(length)))
	last := hour.Add(time.Duration((0.8 + 0.2*h.chance.Float64()) * float64(length)))
	t := models.UsageTally{
		Caller: calling[h.chance.IntN(len(calling))], StatusClass: max(u.status, 2), Refusal: u.refusal, Requests: requests,
		First: first.UnixMilli(), Last: last.UnixMilli(),
	}
	if !k.deadAt.IsZero() && hour.After(k.deadAt) {
		t.StatusClass, t.Refusal = 4, k.reason
		return []models.UsageTally{t}
	}
	failed := t
	failed.StatusClass, failed.Requests = 5, int64(float64(requests)*h.failing(hour))
	if u.status != 0 || failed.Requests == 0 {
		return []models.UsageTally{t}
	}
	t.Requests -= failed.Requests
	return []models.UsageTally{t, failed}
}

// within reports whether at is between two numbers of days ago, of which 0 stands for no bound.
func (h *history) within(at time.Time, from, until float64) bool {
	return (from == 0 || !at.Before(h.now.Add(-days(from)))) && (until == 0 || at.Before(h.now.Add(-days(until))))
}

// around is a number of requests somewhere around height.
func (h *history) around(height float64) int64 {
	height *= 0.8 + 0.4*h.chance.Float64()
	whole := math.Floor(height)
	if h.chance.Float64() < height-whole {
		whole++
	}
	return int64(whole)
}

func ulidOf(id string) (ulid.ULID, error) {
	_, text, _ := strings.Cut(id, "_")
	parsed, err := ulid.ParseStrict(text)
	if err != nil {
		return parsed, fmt.Errorf("read %s: %w", id, err)
	}
	return parsed, nil
}
