// Package webhook sends events to the webhook endpoints of workspaces.
//
// Each node runs a Worker. It claims due deliveries from the Store, sends each in a goroutine, and
// records the results in batches. Transactions on the same node wake it. It finds deliveries from
// other processes by polling five times per second, which works on both databases, without another
// connection, and without PostgreSQL's NOTIFY, which serializes commits.
//
// Deliveries arrive at least once and in any order: if a node dies after it has sent a delivery and
// before it has recorded the result, the delivery is sent again with the same webhook-id.
package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/outage"
)

// Options configure a Worker. The zero value has defaults.
type Options struct {
	Log *slog.Logger // discarded if nil
	// AllowPrivate allows any IP address and port, for development.
	AllowPrivate bool
	// Attempted is called after every attempt. It may be nil.
	Attempted func(Attempt)
	Resolver  *net.Resolver // the system's if nil
	Timeout   time.Duration // of an attempt; 15 seconds if zero
	Tracer    trace.Tracer  // nil unless attempts are traced

	anyPort bool          // for tests, which can't listen on the usual ports
	grace   time.Duration // 5 seconds if zero
}

// Attempt describes an attempt to send a delivery.
type Attempt struct {
	First   bool          // the first of this delivery
	Delay   time.Duration // from when it was due until it was claimed
	Took    time.Duration
	Failure models.DeliveryFailure
}

const (
	timeout = 15 * time.Second
	// pollInterval is how often the Worker looks for deliveries from other processes.
	pollInterval = 200 * time.Millisecond
	// grace is how long attempts may take to finish when the Worker stops. Unfinished attempts are
	// canceled and released.
	grace = 5 * time.Second
	// databaseTimeout limits each use of the database.
	databaseTimeout = 10 * time.Second
)

// Worker sends deliveries.
type Worker struct {
	store     *models.Store
	grace     time.Duration
	sender    *sender
	log       *slog.Logger
	watch     func(Attempt)
	tracer    trace.Tracer
	slots     slots
	claiming  outage.Log
	recording outage.Log

	sending  sync.WaitGroup
	mu       sync.Mutex
	ended    []outcome
	hasEnded chan struct{} // receives a value when ended has changed
}

// outcome is the result of sending a claimed delivery.
type outcome struct {
	attempt  models.WebhookAttempt
	canceled bool
}

// New returns a Worker that sends the deliveries of a store. Call Run to start it.
func New(store *models.Store, options Options) *Worker {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	options.Timeout = cmp.Or(options.Timeout, timeout)
	if options.Attempted == nil {
		options.Attempted = func(Attempt) {}
	}
	return &Worker{
		store: store, grace: cmp.Or(options.grace, grace), sender: newSender(options), log: options.Log, watch: options.Attempted, tracer: options.Tracer,
		slots: newSlots(), hasEnded: make(chan struct{}, 1),
	}
}

// Run sends deliveries until ctx is done. Then it waits for attempts in flight and records them.
func (w *Worker) Run(ctx context.Context) {
	defer w.sender.close()
	sendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	claim := true
	for ctx.Err() == nil {
		if w.record(ctx) && w.slots.blocked {
			claim = true
		}
		if claim {
			if claim = w.claim(ctx, sendCtx); claim {
				continue
			}
		}
		select {
		case <-ctx.Done():
		case <-w.hasEnded:
		case <-w.store.WebhooksDue():
			claim = true
		case <-ticker.C:
			claim = true
		}
	}
	w.stop(ctx, cancel)
}

// stop waits for attempts in flight and records them. After the grace period it cancels them.
func (w *Worker) stop(ctx context.Context, cancel func()) {
	timer := time.AfterFunc(w.grace, cancel)
	defer timer.Stop()
	w.sending.Wait()
	for range 3 { // deliveries that can't be recorded are sent again once their claim has expired
		if w.record(ctx); len(w.ended) == 0 {
			return
		}
		time.Sleep(pollInterval)
	}
}

// claim claims deliveries within the limits and starts to send them. It reports whether more may be
// due.
func (w *Worker) claim(ctx, sendCtx context.Context) (more bool) {
	ctx, cancel := databaseContext(ctx)
	defer cancel()
	due, err := w.store.DueEndpoints(ctx)
	limits := w.slots.limits(due)
	var claimed []models.ClaimedDelivery
	if err == nil && len(limits) > 0 {
		claimed, err = w.store.ClaimDeliveries(ctx, limits)
	}
	w.claiming.Report(w.log, "claim webhook deliveries", err)
	taken := map[string]int{}
	for i := range claimed {
		w.slots.take(&claimed[i])
		taken[claimed[i].EndpointID]++
		w.sending.Go(func() { w.send(sendCtx, &claimed[i]) })
	}
	for _, limit := range limits {
		more = more || taken[limit.EndpointID] == limit.AtMost
	}
	return more
}

// databaseContext returns a context for using the database. It isn't canceled when the Worker stops,
// because a claim whose result is lost would delay its deliveries until it expires.
func databaseContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), databaseTimeout)
}

// send sends a delivery and adds its outcome.
func (w *Worker) send(ctx context.Context, d *models.ClaimedDelivery) {
	now := w.store.Now()
	send := w.sender.send
	if w.tracer != nil {
		send = w.sendTraced
	}
	attempt, canceled := send(ctx, d, now)
	if !canceled {
		w.watch(Attempt{First: d.Attempts == 0, Delay: d.Waited, Took: attempt.Took, Failure: attempt.Failure})
	}
	w.mu.Lock()
	w.ended = append(w.ended, outcome{attempt, canceled})
	w.mu.Unlock()
	select {
	case w.hasEnded <- struct{}{}:
	default:
	}
}
