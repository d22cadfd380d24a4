// Package models owns the tables, the rules about them and every query. Its one way in is the
// Store; both faces of the product, the dashboard and the API, call the same methods.
package models

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"

	"github.com/skipup/keys/models/token"
)

// Options are what a Store is given from outside. The zero value serves a live deployment.
type Options struct {
	Clock          func() time.Time  // time.Now if nil
	KeyEnvironment token.Environment // token.Live if empty
	Passwords      *argon2id.Params  // the OWASP parameters if nil; tests take cheaper ones
	Log            *slog.Logger      // slow queries and what cannot be read; discarded if nil
	SlowQuery      time.Duration     // what takes longer is logged; a second if 0
	// Waited is told how long each change of what a key may do took, from its commit until it
	// was in force on every node. It may be nil.
	Waited func(time.Duration)
	// SendsEmail says that a worker sends what ClaimEmail returns.
	SendsEmail bool
	// AcceptedAfterDeletion is told of keys with which a request was accepted when their
	// deletion was in force already, by the clocks of the nodes. There are none, unless the
	// protocol is broken. It may be nil.
	AcceptedAfterDeletion func(keyIDs []string)
	// EncryptionKeys are what the secrets of webhook endpoints are encrypted with, of
	// EncryptionKeySize bytes each: the first for new ones, the others to read older ones.
	// Without any no endpoint can be made.
	EncryptionKeys [][]byte
	// AllowPrivateWebhooks lets endpoints have any http or https address, for development.
	AllowPrivateWebhooks bool
}

// Store is the database and the rules about what is in it. It is safe for concurrent use.
type Store struct {
	db         *gorm.DB
	polls      *gorm.DB // a connection that waits for no other work
	dialect    dialect
	clock      func() time.Time
	ownClock   bool // clock is not time.Now
	keys       token.Environment
	log        *slog.Logger
	passwords  *passwordHasher
	ids        *idSource
	waited     func(time.Duration)
	folding    chan struct{} // holds something while this node folds usage
	sendsEmail bool
	running    *sync.Map     // ids of the idempotent requests that this process is at
	audited    *[]AuditEvent // in a transaction, what it has to tell the audit log at its end

	acceptedAfterDeletion func(keyIDs []string)

	sealer       sealer
	allowPrivate bool
	webhooksWake chan struct{} // has something when deliveries may be due
	addedDue     *bool         // in a transaction: it has added deliveries
}

// Open opens the database at url: "sqlite:PATH", or "postgres://…" with any connection
// parameter of libpq. It does not migrate; see Migrate.
func Open(url string, options Options) (*Store, error) {
	ownClock := options.Clock != nil
	if !ownClock {
		options.Clock = time.Now
	}
	if options.Waited == nil {
		options.Waited = func(time.Duration) {}
	}
	if options.AcceptedAfterDeletion == nil {
		options.AcceptedAfterDeletion = func([]string) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.KeyEnvironment == "" {
		options.KeyEnvironment = token.Live
	}
	dialect, err := dialectOf(url)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect:    dialect,
		clock:      options.Clock,
		ownClock:   ownClock,
		keys:       options.KeyEnvironment,
		log:        options.Log,
		passwords:  newPasswordHasher(options.Passwords),
		ids:        newIDSource(),
		waited:     options.Waited,
		folding:    make(chan struct{}, 1),
		sendsEmail: options.SendsEmail,
		running:    new(sync.Map),

		acceptedAfterDeletion: options.AcceptedAfterDeletion,

		allowPrivate: options.AllowPrivateWebhooks,
		webhooksWake: make(chan struct{}, 1),
	}
	if s.sealer, err = newSealer(options.EncryptionKeys); err != nil {
		return nil, err
	}
	s.db, err = dialect.open(gormConfig(s.now, options.Log, cmp.Or(options.SlowQuery, slowQuery)), dialect.connections())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.polls, err = dialect.open(gormConfig(s.now, options.Log, cmp.Or(options.SlowQuery, slowQuery)), 1)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

// Close waits for running queries and closes the database.
func (s *Store) Close() error {
	var failed []error
	for _, pool := range []*gorm.DB{s.polls, s.db} {
		if pool == nil {
			continue
		}
		db, err := pool.DB()
		if err == nil {
			err = db.Close()
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Ping asks the database for an answer.
func (s *Store) Ping(ctx context.Context) error {
	db, err := s.db.DB()
	if err != nil {
		return err
	}
	return db.PingContext(ctx)
}

// KeyEnvironment is the environment of the keys that this deployment makes and accepts.
func (s *Store) KeyEnvironment() token.Environment { return s.keys }

// Tx calls fn with a Store bound to one transaction: all that fn writes becomes visible at
// once when fn returns nil, and nothing of it otherwise. The time stands still inside. A Tx
// within a Tx joins it.
func (s *Store) Tx(ctx context.Context, fn func(tx *Store) error) error {
	if s.inTx() {
		return fn(s)
	}
	now, added := s.now(), false
	err := s.db.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		tx := *s
		tx.addedDue = &added
		tx.clock = func() time.Time { return now }
		tx.db = db.Session(&gorm.Session{NowFunc: tx.clock})
		tx.audited = new([]AuditEvent)
		if err := fn(&tx); err != nil {
			return err
		}
		return tx.appendAudit(ctx, *tx.audited)
	})
	if err == nil && added {
		s.wakeWebhooks()
	}
	return err
}

// inTx reports whether s is bound to a transaction.
func (s *Store) inTx() bool {
	_, bound := s.db.Statement.ConnPool.(gorm.TxCommitter)
	return bound
}

// snapshot calls fn in a read-only transaction that sees a consistent state of the database.
func (s *Store) snapshot(ctx context.Context, fn func(tx *Store) error) error {
	options := sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if s.dialect.name == sqlite {
		options.Isolation = sql.LevelSerializable
	}
	return s.with(ctx).Transaction(func(db *gorm.DB) error {
		tx := *s
		tx.db = db
		return fn(&tx)
	}, &options)
}

// Now is the Store's clock: UTC, in the milliseconds that both databases keep.
func (s *Store) Now() time.Time { return s.now() }

// TimeAt is the Store's time at a moment that has been read from time.Now: where that is the
// Store's clock, it need not be read again.
func (s *Store) TimeAt(now time.Time) time.Time {
	if s.ownClock {
		return s.clock()
	}
	return now
}

func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

// storedTime returns a time as the databases store it, so that what is returned equals what is read
// later.
func storedTime(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	stored := at.UTC().Truncate(time.Millisecond)
	return &stored
}

// with is the database for one statement under ctx.
func (s *Store) with(ctx context.Context) *gorm.DB { return s.db.WithContext(ctx) }

// id makes the identifier of a new row: a prefix that says what it is and a ULID, so that
// identifiers sort by the time at which they were made.
func (s *Store) id(prefix string) string { return s.ids.next(prefix, s.now()) }

// idSource makes ULIDs that grow even within one millisecond, and where the clock goes back,
// as it does from one transaction, in which time stands still, to another.
type idSource struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
	last    uint64
}

func newIDSource() *idSource { return &idSource{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (i *idSource) next(prefix string, now time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = max(i.last, ulid.Timestamp(now))
	id, err := ulid.New(i.last, i.entropy)
	if errors.Is(err, ulid.ErrMonotonicOverflow) {
		i.last++
		id, err = ulid.New(i.last, i.entropy)
	}
	if err != nil {
		panic(fmt.Sprintf("make identifier: %v", err)) // only a clock past the year 10889 gets here
	}
	return prefix + "_" + id.String()
}
