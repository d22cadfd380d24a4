// Package webhook sends what has happened in a workspace to the endpoints that it has named.
//
// Each node has a Worker. It claims due deliveries from the Store, sends each on a goroutine of
// its own and writes down what became of them, many at once. What a transaction of its own node
// adds wakes it; what other processes add, or have left when they died, it finds by asking five
// times a second. That works alike on both databases and needs neither a connection of its own
// nor PostgreSQL's NOTIFY, which makes commits wait for each other.
//
// Deliveries arrive at least once, in no promised order: a node that dies after it has sent
// something and before that is written down leaves it to be sent again, with the same webhook-id.
package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/skipup/keys/models"
)

// Options are what a Worker may have otherwise than by default.
type Options struct {
	Log *slog.Logger // discarded if nil
	// AllowPrivate sends to any address and port, for development.
	AllowPrivate bool
	// Attempted is told of every attempt. It may be nil.
	Attempted func(Attempt)
	Resolver  *net.Resolver // the system's if nil
	Timeout   time.Duration // of an attempt; 15 seconds if zero

	anyPort bool          // for tests, which cannot have the ports of receivers
	grace   time.Duration // 5 seconds if zero
}

// Attempt is how one attempt went.
type Attempt struct {
	First   bool          // of this delivery
	Delay   time.Duration // from when it was due until it began
	Took    time.Duration
	Failure models.DeliveryFailure
}

const (
	timeout = 15 * time.Second
	// pollEvery is between two looks for what other processes have added.
	pollEvery = 200 * time.Millisecond
	// grace is what attempts are given to end when the Worker is stopped. What has not ended then
	// is broken off and given back.
	grace = 5 * time.Second
	// storeTimeout bounds one visit to the database.
	storeTimeout = 10 * time.Second
)

// Worker sends deliveries while it runs.
type Worker struct {
	store     *models.Store
	grace     time.Duration
	sender    *sender
	log       *slog.Logger
	watch     func(Attempt)
	slots     slots
	claiming  outage
	recording outage

	sending  sync.WaitGroup
	mu       sync.Mutex
	ended    []outcome
	hasEnded chan struct{} // has something when ended may have
}

// outcome is what became of a claimed delivery: it was attempted, or broken off.
type outcome struct {
	attempt   models.WebhookAttempt
	brokenOff bool
}

// New returns a Worker that sends what store has once Run runs.
func New(store *models.Store, options Options) *Worker {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	options.Timeout = cmp.Or(options.Timeout, timeout)
	if options.Attempted == nil {
		options.Attempted = func(Attempt) {}
	}
	return &Worker{
		store: store, grace: cmp.Or(options.grace, grace), sender: newSender(options), log: options.Log, watch: options.Attempted,
		slots: newSlots(), hasEnded: make(chan struct{}, 1),
	}
}

// Run sends what is due until ctx is done. Then it lets what is on its way end, writes that down
// and returns.
func (w *Worker) Run(ctx context.Context) {
	defer w.sender.close()
	sendCtx, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	look := true
	for ctx.Err() == nil {
		if w.record(ctx) && w.slots.isBlocked() {
			look = true
		}
		if look {
			if look = w.claim(ctx, sendCtx); look {
				continue
			}
		}
		select {
		case <-ctx.Done():
		case <-w.hasEnded:
		case <-w.store.WebhooksDue():
			look = true
		case <-tick.C:
			look = true
		}
	}
	w.stop(ctx, breakOff)
}

// stop returns when nothing is on its way any more and that is written down.
func (w *Worker) stop(ctx context.Context, breakOff func()) {
	timer := time.AfterFunc(w.grace, breakOff)
	defer timer.Stop()
	w.sending.Wait()
	for range 3 { // what the database does not take now is sent again when its claim has ended
		if w.record(ctx); len(w.ended) == 0 {
			return
		}
		time.Sleep(pollEvery)
	}
}

// claim claims what there is room for and starts to send it. It reports whether there may be
// more that can be claimed at once.
func (w *Worker) claim(ctx, sendCtx context.Context) (more bool) {
	ctx, cancel := w.visit(ctx)
	defer cancel()
	waiting, err := w.store.DueEndpoints(ctx)
	shares := w.slots.shares(waiting)
	var claimed []models.ClaimedDelivery
	if err == nil && len(shares) > 0 {
		claimed, err = w.store.ClaimDeliveries(ctx, shares)
	}
	w.claiming.report(w.log, "claimed", err)
	taken := map[string]int{}
	for i := range claimed {
		w.slots.take(&claimed[i])
		taken[claimed[i].EndpointID]++
		w.sending.Go(func() { w.send(sendCtx, &claimed[i]) })
	}
	for _, share := range shares {
		more = more || taken[share.EndpointID] == share.AtMost
	}
	return more
}

// visit is the context of one visit to the database. It goes on although the Worker is stopped:
// a claim whose answer nobody has read would keep deliveries from everybody until it ends.
func (w *Worker) visit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// outage is whether the last visit to the database of one kind was in vain.
type outage struct{ is bool }

// report logs the beginning and the end of an outage, not each visit of it. done is what is done to
// deliveries otherwise.
func (o *outage) report(log *slog.Logger, done string, err error) {
	switch {
	case err != nil && !o.is:
		log.Error("webhook deliveries cannot be "+done+": it is tried again", "error", err)
	case err == nil && o.is:
		log.Info("webhook deliveries are " + done + " again")
	}
	o.is = err != nil
}

// send sends one delivery and leaves word of it.
func (w *Worker) send(ctx context.Context, d *models.ClaimedDelivery) {
	now := w.store.Now()
	attempt, brokenOff := w.sender.send(ctx, d, now)
	if !brokenOff {
		w.watch(Attempt{First: d.Attempts == 0, Delay: now.Sub(d.DueAt), Took: attempt.Took, Failure: attempt.Failure})
	}
	w.mu.Lock()
	w.ended = append(w.ended, outcome{attempt, brokenOff})
	w.mu.Unlock()
	select {
	case w.hasEnded <- struct{}{}:
	default:
	}
}
