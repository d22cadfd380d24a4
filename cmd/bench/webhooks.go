package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/webhook"
)

// measureWebhooks prints how many deliveries a node makes in a second to a receiver on this
// machine, and the time from a commit to the first attempt while 200 events come in a second.
func measureWebhooks(ctx context.Context, p plan) error {
	if !p.takes("webhooks") {
		return nil
	}
	const queued, perSecond, seconds = 5_000, 200, 10
	fmt.Printf("\nWebhooks: %d deliveries from a full queue, then %d events a second for %d s\n", queued, perSecond, seconds)
	return onEach(func(name, address string) (err error) {
		b, err := newHookBench(ctx, address)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		if err := b.makeEvents(ctx, queued, 0); err != nil {
			return err
		}
		start := time.Now()
		stop := b.work(ctx)
		defer stop()
		b.attempted(queued)
		rate := queued / time.Since(start).Seconds()
		if err := b.makeEvents(ctx, perSecond*seconds, time.Second/perSecond); err != nil {
			return err
		}
		delays := b.attempted(perSecond * seconds)
		slices.Sort(delays)
		p50, p99 := delays[len(delays)/2], delays[len(delays)*99/100]
		verdict := "reached: p99 under 250 ms"
		if p99 > 250*time.Millisecond {
			verdict = "MISSED: p99 under 250 ms"
		}
		fmt.Printf("  %-10s %.0f deliveries a second; from commit to first attempt p50 %v, p99 %v  %s\n", name, rate,
			p50.Round(time.Millisecond/10), p99.Round(time.Millisecond/10), verdict)
		return nil
	})
}

// hookBench is a Store with an endpoint, and its receiver.
type hookBench struct {
	store     *models.Store
	workspace string
	organizer string
	server    *http.Server
	attempts  chan time.Duration // how long after it was due each delivery was attempted
}

func newHookBench(ctx context.Context, address string) (*hookBench, error) {
	store, err := models.Open(address, models.Options{EncryptionKeys: [][]byte{make([]byte, models.EncryptionKeySize)}, AllowPrivateWebhooks: true})
	if err != nil {
		return nil, err
	}
	if _, err := store.Migrate(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	email := fmt.Sprintf("hooks%d@example.com", time.Now().UnixNano())
	workspace, _, err := store.CreateWorkspace(ctx, models.NewWorkspace{
		Name: "Bench", AdminEmail: email, AdminName: "Bench", Password: "a long enough passphrase",
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	b := &hookBench{store: store, workspace: workspace.ID, organizer: email, attempts: make(chan time.Duration, 1<<16)}
	b.server = &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	go func() { _ = b.server.Serve(listener) }()
	_, _, err = store.CreateWebhookEndpoint(ctx, workspace.ID, models.NewWebhookEndpoint{
		URL: "http://" + listener.Addr().String(), Events: []string{"meeting_request.created"},
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *hookBench) close() error { return errors.Join(b.server.Close(), b.store.Close()) }

// work has a worker run until stop is called.
func (b *hookBench) work(ctx context.Context) (stop func()) {
	running, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	worker := webhook.New(b.store, webhook.Options{AllowPrivate: true, Attempted: func(a webhook.Attempt) { b.attempts <- a.Delay }})
	work.Go(func() { worker.Run(running) })
	return func() { cancel(); work.Wait() }
}

// makeEvents asks for meetings, four at a time, one each interval if there is one. A delivery is
// due from the beginning of the transaction that makes it, so that the delay counts the commit.
func (b *hookBench) makeEvents(ctx context.Context, count int, interval time.Duration) error {
	const makers = 4
	start, failed := time.Now(), make([]error, makers)
	var work sync.WaitGroup
	for m := range makers {
		work.Go(func() {
			for i := m; i < count && failed[m] == nil; i += makers {
				time.Sleep(time.Until(start.Add(time.Duration(i) * interval)))
				_, failed[m] = b.store.CreateMeetingRequest(ctx, b.workspace, models.NewMeetingRequest{
					OrganizerEmail: b.organizer, ParticipantEmails: []string{"guest@example.com"},
				})
			}
		})
	}
	work.Wait()
	return errors.Join(failed...)
}

// attempted waits for so many attempts, and returns how late they were.
func (b *hookBench) attempted(count int) []time.Duration {
	delays := make([]time.Duration, count)
	for i := range delays {
		delays[i] = <-b.attempts
	}
	return delays
}
