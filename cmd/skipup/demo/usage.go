package demo

import (
	"context"
	"crypto/rand"
	"math"
	"slices"
	"time"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models/usage"
)

// recorded is the number of days with usage: more than 90, for keys that have been idle since then.
const recorded = 118.0

// rhythm returns the activity at a time, from 0 to 1.
type rhythm func(at time.Time) float64

func steady(time.Time) float64 { return 1 }

// office peaks during European office hours and is almost idle on weekends.
func office(at time.Time) float64 {
	return weekday(at, 0.07) * (0.05 + 0.95*bell(at, 12.5, 3.6))
}

// evenings peaks in the late afternoon, with less activity on weekends.
func evenings(at time.Time) float64 { return weekday(at, 0.55) * (0.08 + 0.92*bell(at, 17, 4.2)) }

// nightly and mornings are active for one hour a day.
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

// incidents are times at which a share of all requests failed with a server error.
var incidents = []struct{ ago, hours, share float64 }{{61.4, 5, 0.5}, {23.3, 6, 0.65}, {8.4, 2, 0.4}}

// failing returns the share of requests that failed at a time.
func (h *history) failing(at time.Time) float64 {
	for _, incident := range incidents {
		since := at.Sub(h.now.Add(-days(incident.ago)).Truncate(time.Hour)).Hours()
		if since >= 0 && since < incident.hours {
			return incident.share
		}
	}
	return 0
}

// addUsage adds the usage of all keys.
func (h *history) addUsage(ctx context.Context) error {
	scopes := map[string]string{}
	for _, route := range api.Routes(h.Store) {
		scopes[route.Name()] = route.ScopeNames()
	}
	for _, k := range keys() {
		if err := h.addCounts(ctx, h.usageOf(h.keys[k.name], scopes)); err != nil {
			return err
		}
	}
	return nil
}

// batchSize is the number of counts added in one transaction.
const batchSize = 2000

func (h *history) addCounts(ctx context.Context, counts []usage.Count) error {
	for some := range slices.Chunk(counts, batchSize) {
		if err := h.Store.AddUsage(ctx, usage.Counts{ID: rand.Text(), Rows: some}); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) usageOf(k *key, scopes map[string]string) (counts []usage.Count) {
	for hour := h.now.Add(-days(recorded)).Truncate(time.Hour); hour.Before(h.now); hour = hour.Add(time.Hour) {
		for _, u := range k.uses {
			for _, c := range h.counts(k, u, hour) {
				c.APIKeyID, c.WorkspaceID, c.StartsAt = k.id, h.workspace.ID, usage.Hourly.Start(hour)
				c.Route, c.Scope = u.route, scopes[u.route]
				counts = append(counts, c)
			}
		}
	}
	return counts
}

// counts returns one use of a key in an hour, all by one caller. During an incident there are two
// counts because some requests failed.
func (h *history) counts(k *key, u use, hour time.Time) []usage.Count {
	length := min(time.Hour, h.now.Sub(hour)-5*time.Second)
	if length <= 0 || hour.Before(k.createdAt) || !h.within(hour, u.from, u.until) || !h.within(hour, 0, k.idle) {
		return nil
	}
	if !k.rejectedAt.IsZero() && hour.Before(k.rejectedAt) && hour.Add(time.Hour).After(k.rejectedAt) {
		return nil // requests were accepted for only part of this hour
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
	first := hour.Add(time.Duration(h.random.Float64() * 0.2 * float64(length)))
	last := hour.Add(time.Duration((0.8 + 0.2*h.random.Float64()) * float64(length)))
	caller := k.callers[calling[h.random.IntN(len(calling))]]
	c := usage.Count{
		Caller: usage.Caller{Address: caller.address, UserAgent: caller.agent}, StatusClass: max(u.status, 2), Rejection: u.rejection, Requests: requests,
		First: first.UTC(), Last: last.UTC(),
	}
	if caller.outside && u.rejection == usage.Accepted {
		c.Outside = requests
	}
	if !k.rejectedAt.IsZero() && hour.After(k.rejectedAt) {
		c.StatusClass, c.Rejection = 4, k.reason
		return []usage.Count{c}
	}
	failed := c
	failed.StatusClass, failed.Requests = 5, int64(float64(requests)*h.failing(hour))
	if u.status != 0 || failed.Requests == 0 {
		return []usage.Count{c}
	}
	c.Requests -= failed.Requests
	return []usage.Count{c, failed}
}

// within reports whether at is between two numbers of days ago, where 0 means no bound.
func (h *history) within(at time.Time, from, until float64) bool {
	return (from == 0 || !at.Before(h.now.Add(-days(from)))) && (until == 0 || at.Before(h.now.Add(-days(until))))
}

// around returns a random number of requests within 20% of mean.
func (h *history) around(mean float64) int64 {
	mean *= 0.8 + 0.4*h.random.Float64()
	whole := math.Floor(mean)
	if h.random.Float64() < mean-whole {
		whole++
	}
	return int64(whole)
}
