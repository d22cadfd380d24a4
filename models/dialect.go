package models

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// dialect is one of the two databases, with the address of this one.
type dialect struct {
	name string // "sqlite" or "postgres", the folder of its migrations
	dsn  string
}

const (
	sqlite     = "sqlite"
	postgresql = "postgres"
)

// The complaints about an address do not repeat it: it may hold a password.
var (
	errDatabaseURL = errors.New(`the database address must be "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/NAME"`)
	errPostgreSQL  = errors.New(`the database address begins like one of PostgreSQL but cannot be used: ` +
		`check its host, its port, its parameters and the files that they name`)
)

// sqliteSettings: readers never wait for the writer (useWAL), a writer waits up to five seconds
// for another, a transaction takes the write lock at its start so that it cannot fail half-way,
// a commit is on the disk before it is told of (a deletion must not be undone by a power cut),
// and times are stored so that their text sorts by time.
var sqliteSettings = url.Values{
	"_pragma":  {"busy_timeout(5000)", "synchronous(full)", "foreign_keys(1)"},
	"_txlock":  {"immediate"},
	"_timefmt": {string(sqlite3.TimeFormat4)}, // in UTC whatever the zone of the time
}

// CheckURL says what is wrong with the address of a database, before anything is opened.
func CheckURL(address string) error {
	_, err := dialectOf(address)
	return err
}

func dialectOf(address string) (dialect, error) {
	scheme, rest, found := strings.Cut(address, ":")
	if !found || rest == "" {
		return dialect{}, errDatabaseURL
	}
	switch scheme {
	case "sqlite":
		// The absolute path, since SQLite gives some relative ones, such as :memory:, a meaning.
		path, err := filepath.Abs(rest)
		if err != nil || strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
			return dialect{}, errDatabaseURL
		}
		file := url.URL{Scheme: "file", Path: path, RawQuery: sqliteSettings.Encode()}
		return dialect{sqlite, file.String()}, nil
	case "postgres", "postgresql":
		if _, err := pgx.ParseConfig(address); err != nil {
			return dialect{}, errPostgreSQL
		}
		return dialect{postgresql, address}, nil
	}
	return dialect{}, errDatabaseURL
}

func (d dialect) open(config *gorm.Config, connections int) (*gorm.DB, error) {
	connect := connectPostgreSQL
	if d.name == sqlite {
		connect = connectSQLite
	}
	pool, dialector, err := connect(d.dsn)
	if err != nil {
		return nil, err
	}
	limit(pool, connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db, err := gorm.Open(dialector, config)
	if err != nil {
		_ = pool.Close() // the error that matters is the one there is
		return nil, err
	}
	return db, nil
}

func connectSQLite(dsn string) (*sql.DB, gorm.Dialector, error) {
	pool, err := driver.Open(dsn, func(connection *sqlite3.Conn) error {
		return errors.Join(useWAL(connection), lowerUnicode(connection))
	})
	if err != nil {
		return nil, nil, err
	}
	return pool, gormlite.OpenDB(pool), nil
}

// connections is how many a pool opens: more would only wait for each other.
func (d dialect) connections() int {
	if d.name == sqlite {
		return 8
	}
	return 24
}

// useWAL waits for other processes itself: while two turn an empty file to WAL, SQLite tells
// one that it is busy without asking the busy handler.
func useWAL(connection *sqlite3.Conn) error {
	err := connection.Exec("PRAGMA journal_mode = wal")
	for wait := time.Millisecond; errors.Is(err, sqlite3.BUSY) && wait < 5*time.Second; wait *= 2 {
		time.Sleep(wait)
		err = connection.Exec("PRAGMA journal_mode = wal")
	}
	return err
}

// lowerUnicode gives SQLite a lower() for every script, as PostgreSQL has it: its own knows
// only ASCII.
func lowerUnicode(connection *sqlite3.Conn) error {
	lower := func(ctx sqlite3.Context, arg ...sqlite3.Value) { ctx.ResultText(strings.ToLower(arg[0].Text())) }
	return connection.CreateFunction("lower", 1, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, lower)
}

func connectPostgreSQL(dsn string) (*sql.DB, gorm.Dialector, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, nil, errPostgreSQL
	}
	// A standby may be behind: a deleted key would be read from it as a living one.
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(readTimesInUTC))
	return pool, postgres.New(postgres.Config{Conn: pool}), nil
}

// readTimesInUTC keeps the zone of the machine out of the rows.
func readTimesInUTC(_ context.Context, connection *pgx.Conn) error {
	connection.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// limit bounds the open connections, and keeps them: making one costs more than holding it.
func limit(pool *sql.DB, connections int) {
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
}

// gormConfig has slow queries logged, without their values, which may be secrets.
func gormConfig(now func() time.Time, log *slog.Logger, slow time.Duration) *gorm.Config {
	return &gorm.Config{
		NowFunc:        now,
		TranslateError: true,
		Logger:         slowQueries{logger.NewSlogLogger(log, logger.Config{SlowThreshold: slow, LogLevel: logger.Warn}), slow},
	}
}

// slowQuery is how long a query takes that is worth a line, unless another time is asked for.
const slowQuery = time.Second

// slowQueries leaves errors to whoever gets them: they are logged once, where they end.
type slowQueries struct {
	logger.Interface
	atLeast time.Duration // what is quicker is not even put into words
}

// Trace logs a query that took too long.
func (l slowQueries) Trace(ctx context.Context, begin time.Time, query func() (string, int64), _ error) {
	if time.Since(begin) >= l.atLeast {
		l.Interface.Trace(ctx, begin, query, nil)
	}
}

// LogMode is the same at another level: what GORM's own returns would log values and errors.
func (l slowQueries) LogMode(level logger.LogLevel) logger.Interface {
	return slowQueries{l.Interface.LogMode(level), l.atLeast}
}

// Error says nothing: what GORM would log here is returned too, and may be an error whose
// parts are the address of the database with its password.
func (slowQueries) Error(context.Context, string, ...any) {}

// ParamsFilter keeps the values out of what is logged.
func (slowQueries) ParamsFilter(_ context.Context, query string, _ ...any) (string, []any) {
	return query, nil
}

var _ gorm.ParamsFilter = slowQueries{} // GORM asks for it by type: without it values are logged

// SQLiteFile returns the path of the file of a SQLite database URL, and whether url is one.
func SQLiteFile(url string) (path string, isSQLite bool) {
	rest, isSQLite := strings.CutPrefix(url, sqlite+":")
	if !isSQLite {
		return "", false
	}
	path, err := filepath.Abs(rest)
	return path, err == nil
}
