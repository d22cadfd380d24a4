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

// measureWebhooks prints how many deliveries per second one node makes to a receiver on this
// machine, and the time from commit to first attempt at 200 events per second.
func measureWebhooks(ctx context.Context, p plan) error {
	if !p.includes("webhooks") {
		return nil
	}
	const queued, perSecond, seconds = 5_000, 200, 10
	fmt.Printf("\nWebhooks: %d deliveries from a full queue, then %d events per second for %d s\n", queued, perSecond, seconds)
	return onEachDatabase(func(name, url string) (err error) {
		b, err := newWebhookBench(ctx, url)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		if err := b.createEvents(ctx, queued, 0); err != nil {
			return err
		}
		start := time.Now()
		stop := b.deliver(ctx)
		defer stop()
		b.awaitAttempts(queued)
		rate := queued / time.Since(start).Seconds()
		if err := b.createEvents(ctx, perSecond*seconds, time.Second/perSecond); err != nil {
			return err
		}
		delays := b.awaitAttempts(perSecond * seconds)
		slices.Sort(delays)
		p50, p99 := delays[len(delays)/2], delays[len(delays)*99/100]
		fmt.Printf("  %-10s %.0f deliveries per second; from commit to first attempt p50 %v, p99 %v  %s\n", name, rate,
			p50.Round(time.Millisecond/10), p99.Round(time.Millisecond/10),
			verdict(p99 < 250*time.Millisecond, "p99 below 250 ms"))
		return nil
	})
}

// webhookBench is a Store with one webhook endpoint, and the server that receives its deliveries.
type webhookBench struct {
	store     *models.Store
	workspace string
	organizer string
	server    *http.Server
	attempts  chan time.Duration // the delay of each attempt after it was due
}

func newWebhookBench(ctx context.Context, url string) (*webhookBench, error) {
	store, err := models.Open(url, models.Options{EncryptionKeys: [][]byte{make([]byte, models.EncryptionKeySize)}, AllowPrivateWebhooks: true})
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
	b := &webhookBench{store: store, workspace: workspace.ID, organizer: email, attempts: make(chan time.Duration, 1<<16)}
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

func (b *webhookBench) close() error { return errors.Join(b.server.Close(), b.store.Close()) }

// deliver runs a delivery worker until stop is called.
func (b *webhookBench) deliver(ctx context.Context) (stop func()) {
	running, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	worker := webhook.New(b.store, webhook.Options{AllowPrivate: true, Attempted: func(a webhook.Attempt) { b.attempts <- a.Delay }})
	work.Go(func() { worker.Run(running) })
	return func() { cancel(); work.Wait() }
}

// createEvents creates meeting requests, four at a time, and one per interval unless interval is 0.
// A delivery is due when its transaction begins, so the delay includes the commit.
func (b *webhookBench) createEvents(ctx context.Context, count int, interval time.Duration) error {
	const workers = 4
	start, failed := time.Now(), make([]error, workers)
	var work sync.WaitGroup
	for w := range workers {
		work.Go(func() {
			for i := w; i < count && failed[w] == nil; i += workers {
				time.Sleep(time.Until(start.Add(time.Duration(i) * interval)))
				_, failed[w] = b.store.CreateMeetingRequest(ctx, b.workspace, models.NewMeetingRequest{
					OrganizerEmail: b.organizer, ParticipantEmails: []string{"guest@example.com"},
				})
			}
		})
	}
	work.Wait()
	return errors.Join(failed...)
}

// awaitAttempts waits for a number of attempts and returns their delays.
func (b *webhookBench) awaitAttempts(count int) []time.Duration {
	delays := make([]time.Duration, count)
	for i := range delays {
		delays[i] = <-b.attempts
	}
	return delays
}
