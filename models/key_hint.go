package models

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// keyHints tell a node that keys may have changed, so that it needn't wait for its next poll. They are
// only hints: any of them may be lost.
type keyHints struct {
	channel   chan struct{}
	listening *atomic.Bool // hints arrive from other processes
}

func newKeyHints() keyHints { return keyHints{make(chan struct{}, 1), new(atomic.Bool)} }

// hintKeyChange sends a hint to the node in this process.
func (s *Store) hintKeyChange() {
	select {
	case s.keyHints.channel <- struct{}{}:
	default: // there is one already
	}
}

// KeyChangeHints returns a channel that receives a value when keys may have changed. Only one node may
// use it.
func (s *Store) KeyChangeHints() <-chan struct{} { return s.keyHints.channel }

// HintsArrive reports whether hints about changes by other processes arrive. Without them, a node must
// poll more often.
func (s *Store) HintsArrive() bool { return s.keyHints.listening.Load() }

const (
	keyChangeChannel = "skipup_key_changes" // see the trigger revocation_recorded
	// listenRetry is the longest time between attempts to listen.
	listenRetry = time.Second
	// listenTest is how long a test notification may take. It never arrives if something between this process and
	// PostgreSQL keeps it back.
	listenTest = 2 * time.Second
	// retestAfter is the time without a notification after which they are tested again.
	retestAfter = time.Minute
)

// ListenForKeyChanges turns notifications of PostgreSQL into hints until ctx is done. On SQLite, which
// has none, and through a connection pooler, which doesn't pass them on, it returns at once.
func (s *Store) ListenForKeyChanges(ctx context.Context) {
	for s.dialect.name == postgresql && !s.UsesPooler() && ctx.Err() == nil {
		_ = s.listen(ctx) // the next poll reports an outage
		s.keyHints.listening.Store(false)
		_ = sleep(ctx, listenRetry/2+rand.N(listenRetry/2)) // not all nodes at once
	}
}

// listen listens on a connection of its own until it fails or notifications no longer arrive.
func (s *Store) listen(ctx context.Context) error {
	config, err := postgreSQLConfig(s.dialect.dsn)
	if err != nil {
		return err
	}
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()
	var schema string
	if err := connection.QueryRow(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	if _, err := connection.Exec(ctx, "LISTEN "+keyChangeChannel); err != nil {
		return err
	}
	for ctx.Err() == nil {
		test := s.id("test")
		if err := s.with(ctx).Exec("SELECT pg_notify(?, ?)", keyChangeChannel, test).Error; err != nil {
			return err
		}
		if err := s.receive(ctx, connection, listenTest, func(payload string) bool { return payload == test }); err != nil {
			return err
		}
		s.keyHints.listening.Store(true)
		s.hintKeyChange() // in case a notification was missed
		err := s.receive(ctx, connection, retestAfter, func(payload string) bool {
			if payload == schema {
				s.hintKeyChange()
			}
			return false
		})
		if !errors.Is(err, errNoNotification) {
			return err
		}
	}
	return ctx.Err()
}

var errNoNotification = errors.New("no notification arrived")

// receive passes the payloads of notifications to done until it reports true. It returns
// errNoNotification after a time without any.
func (s *Store) receive(ctx context.Context, connection *pgx.Conn, timeout time.Duration, done func(payload string) bool) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, timeout)
		notification, err := connection.WaitForNotification(waiting)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil && waiting.Err() != nil:
			return errNoNotification
		case err != nil:
			return err
		case done(notification.Payload):
			return nil
		}
	}
}
