// Package models contains the tables, the rules about them, and all queries. The dashboard, the API,
// and the command line all call the methods of Store.
package models

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"

	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
)

// Options configure a Store. The zero value has defaults for production.
type Options struct {
	Clock     func() time.Time // of the node and of the database; their real clocks if nil
	NodeClock func() time.Time // of the node, if it differs from the database's
	Passwords *argon2id.Params // the parameters recommended by OWASP if nil
	Log       *slog.Logger     // for slow queries and unreadable data; discarded if nil
	SlowQuery time.Duration    // duration from which queries are logged; one second if 0
	// KeyChanged is called after each change to what a key may do, once it is in effect on all nodes. It
	// may be nil.
	KeyChanged func(Effect)
	// SendsEmail reports whether a worker sends the emails that ClaimEmail returns.
	SendsEmail bool
	// AcceptedAfterDeletion is called with keys that the node of this process accepted after it had
	// applied their deletion, which can't happen without a bug. It may be nil.
	AcceptedAfterDeletion func(keyIDs []string)
	// EncryptionKeys encrypt the secrets of webhook endpoints. Each has EncryptionKeySize bytes.
	// The first encrypts new secrets; the others decrypt older ones. Without a key, no endpoint can
	// be created.
	EncryptionKeys [][]byte
	// AllowPrivateWebhooks allows any http or https URL for endpoints, for development.
	AllowPrivateWebhooks bool
	// MaxAPIKeys limits the keys in a workspace, not counting deleted and expired ones. It is
	// DefaultMaxAPIKeys if zero; negative for no limit.
	MaxAPIKeys int
	// KeyCreations limits the keys that an API key and its descendants create in an hour. It is
	// DefaultKeyCreations if zero; negative for no limit.
	KeyCreations int
	// KeyRateLimit is the number of requests per minute of keys without a limit of their own, so that no key can
	// give more; 0 for no limit. The Store doesn't enforce it.
	KeyRateLimit int
	// Connections limits the connections to PostgreSQL. It is DefaultConnections if zero, and at least
	// MinConnections.
	Connections int
	// Retention is for how long data is kept; the defaults if zero.
	Retention Retention
	// ProviderRoles are the roles that the provider of single sign-on gives people.
	ProviderRoles []ProviderRole
	// Plugins are plugins of GORM, such as one that traces statements.
	Plugins []gorm.Plugin
	// TraceParent returns the trace context of what causes a change, for the webhooks about it, or "". It may be nil.
	TraceParent func(context.Context) string
	// MigrationProgress is called with the number of migrations. It may be nil.
	MigrationProgress Progress
}

// setDefaults replaces what may be nil.
func (o *Options) setDefaults() {
	if o.NodeClock == nil {
		o.NodeClock = o.Clock
	}
	if o.NodeClock == nil {
		o.NodeClock = time.Now
	}
	if o.KeyChanged == nil {
		o.KeyChanged = func(Effect) {}
	}
	if o.AcceptedAfterDeletion == nil {
		o.AcceptedAfterDeletion = func([]string) {}
	}
	if o.TraceParent == nil {
		o.TraceParent = func(context.Context) string { return "" }
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.MigrationProgress = orIgnored(o.MigrationProgress)
}

// Store reads and changes the database according to the rules. It is safe for concurrent use.
type Store struct {
	db          *gorm.DB
	polls       *gorm.DB // its connections never wait for other queries
	dialect     dialect
	connections int // at most, on PostgreSQL
	clock       func() time.Time
	ownClock    bool             // clock is not time.Now
	shared      func() time.Time // replaces the database's clock, if not nil
	log         *slog.Logger
	passwords   *passwordHasher
	ids         *idSource
	keyChanged  func(Effect)
	keyHints    keyHints
	applied     *appliedEpochs
	seen        *seenState
	nodeToken   NodeToken     // in a NodeSource, that of its nodes
	stored      *storedMemory // what AddUsage need not look up
	reported    *reportedRoutes
	statements  *preparedStatements
	scopes      *atomic.Pointer[loadedScopes]
	loading     *sync.Mutex // held while scopes is read
	sendsEmail  bool
	running     *sync.Map // IDs of the idempotent requests in progress in this process
	outbox      *outbox   // in a transaction

	acceptedAfterDeletion func(keyIDs []string)

	sealer                   sealer
	maxAPIKeys, keyCreations int // negative for no limit
	keyRateLimit             int // 0 for no limit

	retention         Retention
	providerRoles     []ProviderRole
	allowPrivate      bool
	traceParent       func(context.Context) string
	migrationProgress Progress

	webhooksWake chan struct{} // receives a value when deliveries may be due
	addedDue     *bool         // in a transaction, whether it added deliveries
}

// Open opens the database at a URL: "sqlite:PATH", or "postgres://…" with any connection parameter
// of libpq. It does not migrate the database; see Migrate.
func Open(url string, options Options) (*Store, error) {
	ownClock := options.Clock != nil || options.NodeClock != nil
	options.setDefaults()
	dialect, err := dialectOf(url)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect:     dialect,
		connections: max(MinConnections, cmp.Or(options.Connections, DefaultConnections)),
		clock:       options.NodeClock,
		shared:      options.Clock,
		ownClock:    ownClock,
		log:         options.Log,
		passwords:   newPasswordHasher(options.Passwords),
		ids:         newIDSource(),
		keyChanged:  options.KeyChanged,
		keyHints:    newKeyHints(),
		applied:     new(appliedEpochs),
		seen:        newSeenState(),
		stored:      newStoredMemory(),
		reported:    newReportedRoutes(),
		scopes:      new(atomic.Pointer[loadedScopes]),
		loading:     new(sync.Mutex),
		sendsEmail:  options.SendsEmail,
		running:     new(sync.Map),

		acceptedAfterDeletion: options.AcceptedAfterDeletion,

		maxAPIKeys:   cmp.Or(options.MaxAPIKeys, DefaultMaxAPIKeys),
		keyCreations: cmp.Or(options.KeyCreations, DefaultKeyCreations),
		keyRateLimit: options.KeyRateLimit,

		retention:     options.Retention,
		providerRoles: options.ProviderRoles,

		allowPrivate: options.AllowPrivateWebhooks,
		traceParent:  options.TraceParent,
		webhooksWake: make(chan struct{}, 1),

		migrationProgress: options.MigrationProgress,
	}
	if dialect.pooler != nil {
		dialect.pooler.log = options.Log
	}
	s.scopes.Store(&loadedScopes{catalog: scope.Builtin, keyPrefix: token.DefaultPrefix})
	if s.sealer, err = newSealer(options.EncryptionKeys); err != nil {
		return nil, err
	}
	if err := dialect.file.protect(); err != nil {
		s.log.Warn("other users of this machine may be able to read the database; change the permissions of its files to 0600", slog.Any("error", err))
	}
	if err := s.openPools(cmp.Or(options.SlowQuery, slowQuery), options.Plugins); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), s.Close())
	}
	return s, nil
}

// openPools opens the connection pools. If it returns an error, some of them may be open.
func (s *Store) openPools(slow time.Duration, plugins []gorm.Plugin) (err error) {
	if s.db, err = s.dialect.open(gormConfig(s.now, s.log, slow), s.dialect.poolSize(s.connections)); err != nil {
		return err
	}
	pool, err := s.db.DB()
	if err != nil {
		return err
	}
	s.statements = &preparedStatements{db: pool, byText: map[string]*sql.Stmt{}}
	if s.polls, err = s.dialect.open(gormConfig(s.now, s.log, slow), pollConnections); err != nil {
		return err
	}
	for _, plugin := range plugins {
		if err := errors.Join(s.db.Use(plugin), s.polls.Use(plugin)); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for running queries to finish and closes the database.
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

// Ping checks that the database responds.
func (s *Store) Ping(ctx context.Context) error {
	db, err := s.db.DB()
	if err != nil {
		return err
	}
	return db.PingContext(ctx)
}

// Database returns the URL of the database without user and password, for operators.
func (s *Store) Database() string { return s.dialect.shown }

// Scopes returns the catalog of scopes. It is read by Migrate, and again by a node before it acknowledges a
// change to it.
func (s *Store) Scopes() *scope.Catalog { return s.scopes.Load().catalog }

// ScopesWithChange returns the catalog of scopes and the random ID of the last change to it.
func (s *Store) ScopesWithChange() (catalog *scope.Catalog, changeID string) {
	loaded := s.scopes.Load()
	return loaded.catalog, loaded.changeID
}

// KeyPrefix returns the prefix of new API keys. It is read with the catalog of scopes.
func (s *Store) KeyPrefix() string { return s.scopes.Load().keyPrefix }

// Tx calls fn with a Store bound to a transaction, which is committed if fn returns nil and rolled
// back otherwise. The Store's time is fixed inside. A nested Tx joins the outer one. If a migration has
// changed the type of a column that fn reads, Tx calls fn a second time, in a new transaction.
func (s *Store) Tx(ctx context.Context, fn func(tx *Store) error) error {
	return s.txAt(ctx, s.now(), fn)
}

// txAt does what Tx does at a given time, which doesn't apply if a nested one joins the outer one.
func (s *Store) txAt(ctx context.Context, now time.Time, fn func(tx *Store) error) error {
	if s.inTx() {
		return fn(s)
	}
	var added bool
	transaction := func(ctx context.Context) error {
		added = false
		return s.db.WithContext(ctx).Transaction(func(db *gorm.DB) error {
			tx := *s
			tx.addedDue = &added
			tx.clock = func() time.Time { return now }
			tx.db = db.Session(&gorm.Session{NowFunc: tx.clock})
			tx.outbox = new(outbox)
			if err := fn(&tx); err != nil {
				return err
			}
			return tx.flush(ctx)
		})
	}
	err := transaction(ctx)
	if isStale(err) {
		err = transaction(withoutPrepared(ctx))
	}
	if err == nil && added {
		s.wakeWebhooks()
	}
	return s.dialect.file.explain(err)
}

// queueTx does what Tx does at the time of databaseNow, for a change to a queue that nodes share.
func (s *Store) queueTx(ctx context.Context, fn func(tx *Store) error) error {
	now, err := s.databaseNow(ctx)
	if err != nil {
		return err
	}
	return s.txAt(ctx, now, fn)
}

// databaseNow returns the time of the database's clock. Nodes claim what only one of them may do by this clock,
// because their own may differ.
func (s *Store) databaseNow(ctx context.Context) (time.Time, error) {
	now := time.Now() // a SQLite database is on this machine
	switch {
	case s.shared != nil:
		now = s.shared()
	case s.dialect.name == postgresql:
		if err := s.with(ctx).Raw("SELECT clock_timestamp()").Scan(&now).Error; err != nil {
			return now, fmt.Errorf("read the database's clock: %w", err)
		}
	}
	return now.UTC().Truncate(time.Millisecond), nil
}

// inTx reports whether the Store is bound to a transaction.
func (s *Store) inTx() bool {
	_, bound := s.db.Statement.ConnPool.(gorm.TxCommitter)
	return bound
}

// snapshot calls fn in a read-only transaction that sees a consistent state of the database.
func (s *Store) snapshot(ctx context.Context, fn func(tx *Store) error) error {
	return s.with(ctx).Transaction(func(db *gorm.DB) error {
		tx := *s
		tx.db = db
		return fn(&tx)
	}, s.snapshotOptions())
}

// snapshotOptions returns the options of a read-only transaction that sees a consistent state of the
// database. On SQLite, every transaction does, and the driver takes the write lock for a higher isolation.
func (s *Store) snapshotOptions() *sql.TxOptions {
	if s.dialect.name == sqlite {
		return &sql.TxOptions{ReadOnly: true}
	}
	return &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
}

// Now returns the Store's time in UTC, truncated to milliseconds like times in the database.
func (s *Store) Now() time.Time { return s.now() }

// TimeAt returns the Store's time, given a time that was just read from time.Now. It avoids reading
// the clock again.
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

// with returns the database for a statement with a context.
func (s *Store) with(ctx context.Context) *gorm.DB { return s.db.WithContext(ctx) }
