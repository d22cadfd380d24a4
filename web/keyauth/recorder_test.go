package keyauth_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web/keyauth"
)

// counted is a fixture with a Recorder that doesn't run.
type counted struct {
	fixture
	*keyauth.Recorder
	me, other keyauth.Route
	flushes   *[]keyauth.Flush
}

func count(t testing.TB, h fixture) counted {
	t.Helper()
	var flushes []keyauth.Flush
	recorder := keyauth.NewRecorder(h.Store.Store, nil, func(f keyauth.Flush) { flushes = append(flushes, f) })
	return counted{h, recorder, recorder.Route("GET /me", ""), recorder.Route("GET /seats", "seats.read"), &flushes}
}

// good creates a key and verifies it.
func (c counted) good(t testing.TB) (*models.APIKey, keyauth.Key) {
	t.Helper()
	row, header := c.key(t, models.NewAPIKey{})
	key, err := c.Verify(t.Context(), header)
	if err != nil {
		t.Fatal(err)
	}
	return row, key
}

func (c counted) use(key keyauth.Key) keyauth.Use {
	return keyauth.Use{Key: key, Route: c.me, Status: 200, Address: "192.0.2.7", UserAgent: "curl/8", At: c.Now()}
}

// total returns the stored requests with a key, and checks that hours and days agree.
func (c counted) total(t testing.TB, row *models.APIKey) int64 {
	t.Helper()
	sums := map[usage.Period]int64{}
	for _, period := range []usage.Period{usage.Hourly, usage.Daily} {
		counts, err := c.Usage(t.Context(), c.workspace, row.ID, period, time.Time{}.AddDate(2000, 0, 0), c.Now().AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, count := range counts {
			sums[period] += count.Requests
		}
	}
	if sums[usage.Hourly] != sums[usage.Daily] {
		t.Errorf("requests by hour = %d, by day = %d", sums[usage.Hourly], sums[usage.Daily])
	}
	return sums[usage.Hourly]
}

func TestEveryRequestIsCountedOnce(t *testing.T) {
	eachFixture(t, func(t *testing.T, h fixture) {
		c := count(t, h)
		row, key := c.good(t)
		const clients, requests = 16, 500
		stop := make(chan struct{})
		var flusher, all sync.WaitGroup
		flusher.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.Flush(context.Background())
				}
			}
		})
		for client := range clients {
			all.Go(func() {
				use := c.use(key)
				use.UserAgent = fmt.Sprint("client/", client%5)
				for range requests {
					c.Record(&use)
				}
			})
		}
		all.Wait()
		close(stop)
		flusher.Wait()
		c.Flush(t.Context())
		if got := c.total(t, row); got != clients*requests {
			t.Errorf("requests = %d, want %d", got, clients*requests)
		}
		callers, err := c.CallersOf(t.Context(), c.workspace, row.ID)
		var sum int64
		for _, caller := range callers {
			sum += caller.Accepted
		}
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "callers", len(callers), 5)
		modelstest.Equal(t, "requests of callers", sum, clients*requests)
	})
}

// TestLostResponse stores counts but reports an error to the Recorder, which sends them again.
func TestLostResponse(t *testing.T) {
	eachFixture(t, func(t *testing.T, h fixture) {
		c := count(t, h)
		row, key := c.good(t)
		use := c.use(key)
		c.Record(&use)
		c.Recorder.LoseResponses(1)
		c.Flush(t.Context())
		c.Record(&use)
		c.Flush(t.Context())
		c.Flush(t.Context())
		if got := c.total(t, row); got != 2 {
			t.Errorf("requests = %d, want 2", got)
		}
		if first := (*c.flushes)[0]; first.Err == nil {
			t.Error("the first flush has not failed")
		}
	})
}

// TestMemoryIsBounded records more callers and routes than a Recorder has room for. It gives up the
// callers, then the routes, but no request.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	h := newFixture(t, modelstest.NewSQLite(t))
	c := count(t, h)
	row, key := c.good(t)
	routes := make([]keyauth.Route, 50)
	for i := range routes {
		routes[i] = c.Recorder.Route(fmt.Sprint("GET /", i), "")
	}
	const requests, hours = 6 * keyauth.MaxCounts / keyauth.RecorderShards, 50
	for n := range requests {
		use := c.use(key)
		use.Address = fmt.Sprint("address ", n)
		use.Route = routes[n%7*7]
		use.At = use.At.Add(time.Duration(n%hours) * time.Hour) // as if for two days
		c.Record(&use)
	}
	if held := c.Recorder.Counts(); held > keyauth.MaxCounts/keyauth.RecorderShards+hours {
		t.Errorf("counts in memory = %d, want at most one more for each hour than there is room for", held)
	}
	c.Flush(t.Context())
	if got := c.total(t, row); got != requests {
		t.Errorf("requests = %d, want %d", got, requests)
	}
	last := c.Now().Add((hours - 1) * time.Hour)
	stored, err := c.APIKey(t.Context(), c.workspace, row.ID)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "LastUsedAt", stored.LastUsedAt, &last)
}

// TestUserAgentsOfOneAddressHideNoOther sends as many user agents from one address as a Recorder has
// room for, and then a request from another.
func TestUserAgentsOfOneAddressHideNoOther(t *testing.T) {
	t.Parallel()
	c := count(t, newFixture(t, modelstest.NewSQLite(t)))
	row, key := c.good(t)
	const agents = 2 * keyauth.MaxCounts / keyauth.RecorderShards
	use := c.use(key)
	for n := range agents {
		use.UserAgent = fmt.Sprint("robot/", n)
		c.Record(&use)
	}
	use.Address = "198.51.100.1"
	c.Record(&use)
	c.Flush(t.Context())
	callers, err := c.CallersOf(t.Context(), c.workspace, row.ID)
	if err != nil {
		t.Fatal(err)
	}
	var seen, rest, requests int64
	for _, caller := range callers {
		requests += caller.Accepted
		switch {
		case caller.Address == "198.51.100.1":
			seen++
		case caller.IsSeveral():
			rest++
			modelstest.Equal(t, "number of user agents is known exactly", caller.Others.IsExact(), false)
		}
	}
	modelstest.Equal(t, "callers from the other address", seen, 1)
	modelstest.Equal(t, "rows for other user agents", rest, 1)
	modelstest.Equal(t, "requests", requests, agents+1)
}

// TestLongUserAgentsAreClipped checks memory: a header can have megabytes, and anyone with a key, even a
// deleted one, can send another with each request.
func TestLongUserAgentsAreClipped(t *testing.T) {
	t.Parallel()
	c := count(t, newFixture(t, modelstest.NewSQLite(t)))
	row, key := c.good(t)
	secret := token.New(token.Live).Reveal()
	const callers = 20
	for n := range callers {
		use := c.use(key)
		use.UserAgent = fmt.Sprint("curl/", n, " ", strings.Repeat("x", 480)+secret, strings.Repeat("y", 1<<20))
		c.Record(&use)
	}
	if held := c.Recorder.CallerBytes(); held > callers*1024 {
		t.Errorf("names of %d callers = %d bytes", callers, held)
	}
	c.Flush(t.Context())
	stored, err := c.CallersOf(t.Context(), c.workspace, row.ID)
	if err != nil || len(stored) != callers {
		t.Fatalf("stored callers = %d, %v", len(stored), err)
	}
	for _, caller := range stored {
		if strings.Contains(caller.UserAgent, secret[:20]) || !strings.HasPrefix(caller.UserAgent, "curl/") {
			t.Errorf("stored user agent = %q", caller.UserAgent)
		}
	}
}

func TestRunFlushesWhenStopped(t *testing.T) {
	t.Parallel()
	h := newFixture(t, modelstest.NewSQLite(t))
	c := count(t, h)
	row, key := c.good(t)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Recorder.Run(ctx) })
	use := c.use(key)
	c.Record(&use)
	stop()
	running.Wait()
	if got := c.total(t, row); got != 1 {
		t.Errorf("requests = %d", got)
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := newFixture(t, modelstest.NewSQLite(t))
	c := count(t, h)
	_, key := c.good(t)
	use := c.use(key)
	c.Record(&use)
	if allocations := testing.AllocsPerRun(1000, func() { c.Record(&use) }); allocations != 0 {
		t.Errorf("allocations = %v, want 0", allocations)
	}
}

// BenchmarkRecord counts requests of one key, and of ten thousand in turn.
func BenchmarkRecord(b *testing.B) {
	h := newFixture(b, modelstest.NewSQLite(b))
	c := count(b, h)
	_, key := c.good(b)
	for _, keys := range []int{1, 10_000} {
		uses := make([]keyauth.Use, keys)
		for i := range uses {
			uses[i] = c.use(key.Number(i))
		}
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					c.Record(&uses[i%keys])
				}
			})
		})
	}
}
