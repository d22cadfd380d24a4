package models

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"golang.org/x/text/unicode/rangetable"
)

// dialect is a database system and the address of a database.
type dialect struct {
	name   string // sqlite or postgresql; also the folder with its migrations
	dsn    string
	shown  string      // the URL as operators see it, without a password
	file   *sqliteFile // nil on PostgreSQL
	pooler *pooler     // nil on SQLite
}

const (
	sqlite     = "sqlite"
	postgresql = "postgres"
)

// These errors omit the URL, which may contain a password.
var (
	errDatabaseURL = errors.New(`the database URL must be "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/NAME"`)
	errPostgreSQL  = errors.New(`the PostgreSQL URL is invalid: ` +
		`check its host, port, parameters, and the files that they refer to; ` +
		`in USER and PASSWORD, characters such as / ? # and @ must be percent-encoded`)
	errPoolParameters = errors.New(`remove pool_max_conns and all other parameters that start with pool_ from the PostgreSQL URL; ` +
		`SKIPUP_DATABASE_CONNECTIONS limits the connections of a node`)
)

// sqliteSettings configure each connection. Writers of other processes wait for each other in SQLite.
// Transactions take the write lock when they begin, so that they can't fail halfway. Commits are
// durable, so that a power failure can't undo a deletion. Times are stored as text that sorts by
// time.
var sqliteSettings = url.Values{
	"_pragma":  {fmt.Sprintf("busy_timeout(%d)", writeTimeout.Milliseconds()), "synchronous(full)", "foreign_keys(1)", fmt.Sprintf("journal_size_limit(%d)", maxWAL)},
	"_txlock":  {"immediate"},
	"_timefmt": {string(sqlite3.TimeFormat4)}, // always in UTC
}

// CheckURL returns an error if a database URL is invalid. It opens nothing.
func CheckURL(databaseURL string) error {
	_, err := dialectOf(databaseURL)
	return err
}

func dialectOf(databaseURL string) (dialect, error) {
	scheme, rest, found := strings.Cut(databaseURL, ":")
	if !found || rest == "" {
		return dialect{}, errDatabaseURL
	}
	switch scheme {
	case "sqlite":
		// An absolute path avoids special names, such as :memory:.
		path, err := filepath.Abs(rest)
		if err != nil || strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
			return dialect{}, errDatabaseURL
		}
		file := url.URL{Scheme: "file", Path: path, RawQuery: sqliteSettings.Encode()}
		return dialect{sqlite, file.String(), sqlite + ":" + path, newSQLiteFile(path), nil}, nil
	case "postgres", "postgresql":
		config, err := parsePostgreSQL(databaseURL)
		if err != nil {
			return dialect{}, err
		}
		return dialect{postgresql, databaseURL, shownPostgreSQL(config), nil, new(pooler)}, nil
	}
	return dialect{}, errDatabaseURL
}

// parsePostgreSQL parses a URL. It rejects URLs in which pgx would mistake a part of a password that
// isn't percent-encoded for the host, the database, or a parameter, and then repeat it in errors.
func parsePostgreSQL(databaseURL string) (*pgx.ConnConfig, error) {
	_, rest, _ := strings.Cut(databaseURL, "://")
	end := strings.IndexAny(rest, "/?#")
	if strings.Contains(databaseURL, "#") || end >= 0 && strings.Contains(rest[end:], "@") {
		return nil, errPostgreSQL
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errPostgreSQL
	}
	for name := range config.RuntimeParams {
		if strings.HasPrefix(name, "pool_") { // of pgxpool; PostgreSQL would reject the connection
			return nil, errPoolParameters
		}
	}
	return config, nil
}

// shownPostgreSQL returns the URL of the database that config connects to, without user and password.
func shownPostgreSQL(config *pgx.ConnConfig) string {
	hosts := []string{}
	add := func(host string, port uint16) {
		if text := net.JoinHostPort(host, strconv.Itoa(int(port))); !slices.Contains(hosts, text) {
			hosts = append(hosts, text) // pgx lists a host twice if it may fall back from TLS
		}
	}
	add(config.Host, config.Port)
	for _, fallback := range config.Fallbacks {
		add(fallback.Host, fallback.Port)
	}
	return "postgres://" + strings.Join(hosts, ",") + "/" + cmp.Or(config.Database, config.User)
}

func (d dialect) open(config *gorm.Config, connections int) (*gorm.DB, error) {
	connect := d.pooler.connect
	if d.name == sqlite {
		connect = d.file.connect
	}
	pool, dialector, err := connect(d.dsn)
	if err != nil {
		return nil, err
	}
	limit(pool, connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db, err := gorm.Open(dialector, config)
	if err != nil {
		_ = pool.Close() // the first error matters
		return nil, err
	}
	return db, nil
}

func (f *sqliteFile) connect(dsn string) (*sql.DB, gorm.Dialector, error) {
	pool, err := driver.Open(dsn, func(connection *sqlite3.Conn) error {
		if err := f.check(); err != nil { // before the connection writes to another file
			return err
		}
		return errors.Join(useWAL(connection), lowerUnicode(connection), foldNames(connection), f.guard(connection))
	})
	if err != nil {
		return nil, nil, err
	}
	return pool, gormlite.OpenDB(&turns{pool, f.turn}), nil
}

// The connections to PostgreSQL that a Store opens at most, including those of ListenForKeyChanges.
const (
	// DefaultConnections leaves room on a server with PostgreSQL's default of 100 for three nodes, a fourth while
	// they are replaced, and backups.
	DefaultConnections = 20
	// MinConnections suffices for polls and a few queries at a time.
	MinConnections = 8
	// MaxConnections is more than any server should have.
	MaxConnections = 1000
)

const (
	// pollConnections are for this process and for the nodes that poll through it.
	pollConnections = 4
	// listenConnections is for notifications.
	listenConnections = 1
	// sqliteConnections is for all queries but those of polls.
	sqliteConnections = 8
)

// poolSize returns how many connections queries may use, except for those of polls. Most is the limit of
// all connections.
func (d dialect) poolSize(most int) int {
	if d.name == sqlite {
		return sqliteConnections
	}
	return most - pollConnections - listenConnections
}

// useWAL switches to write-ahead logging, in which readers never wait for a writer. It retries by
// itself, because SQLite doesn't call the busy handler when two processes switch an empty file.
func useWAL(connection *sqlite3.Conn) error {
	err := connection.Exec("PRAGMA journal_mode = wal")
	for wait := time.Millisecond; errors.Is(err, sqlite3.BUSY) && wait < 5*time.Second; wait *= 2 {
		time.Sleep(wait)
		err = connection.Exec("PRAGMA journal_mode = wal")
	}
	return err
}

// lowerUnicode replaces SQLite's lower(), which only supports ASCII.
func lowerUnicode(connection *sqlite3.Conn) error {
	lower := func(ctx sqlite3.Context, arg ...sqlite3.Value) { ctx.ResultText(strings.ToLower(arg[0].Text())) }
	return connection.CreateFunction("lower", 1, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, lower)
}

// foldNames adds foldName as a function to SQLite.
func foldNames(connection *sqlite3.Conn) error {
	fold := func(ctx sqlite3.Context, arg ...sqlite3.Value) { ctx.ResultText(foldName(arg[0].Text())) }
	return connection.CreateFunction("fold_name", 1, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, fold)
}

// folded returns an expression for foldName of a column. PostgreSQL can compute it only for databases
// in UTF-8, and most names don't need it.
func folded(query *gorm.DB, column string) string {
	if query.Name() == sqlite {
		return "fold_name(" + column + ")"
	}
	return strings.ReplaceAll(`CASE WHEN COLUMN ~ '[^ -~]|  ' AND getdatabaseencoding() = 'UTF8'
		THEN regexp_replace(normalize(translate(regexp_replace(COLUMN, '[`+hiddenClass()+`]', '', 'g'), '`+curly+`', '`+strings.ReplaceAll(plain, "'", "''")+`')), '[[:space:]\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]+', ' ', 'g')
		ELSE COLUMN END`, "COLUMN", column)
}

// hiddenClass returns the characters of hidden that aren't spaces, as ranges for a bracket expression
// of PostgreSQL, which stores no NUL.
var hiddenClass = sync.OnceValue(func() string {
	var ranges [][2]rune
	rangetable.Visit(hidden, func(r rune) {
		switch last := len(ranges) - 1; {
		case r == 0 || unicode.IsSpace(r):
		case last >= 0 && ranges[last][1] == r-1:
			ranges[last][1] = r
		default:
			ranges = append(ranges, [2]rune{r, r})
		}
	})
	var class strings.Builder
	for _, r := range ranges {
		fmt.Fprintf(&class, `\U%08X-\U%08X`, r[0], r[1])
	}
	return class.String()
})

func (p *pooler) connect(dsn string) (*sql.DB, gorm.Dialector, error) {
	config, err := postgreSQLConfig(dsn)
	if err != nil {
		return nil, nil, err
	}
	pool := sql.OpenDB(newConnector(config, dsn, p))
	return pool, postgres.New(postgres.Config{Conn: preparedAgain{pool}}), nil
}

// deadAfter is how long a connection to PostgreSQL may not respond at all before it counts as dead.
const deadAfter = 5 * time.Second

// postgreSQLConfig returns a configuration that connects to the primary, because a standby may lag
// behind and still return deleted keys. It finds out soon if the network drops a connection.
func postgreSQLConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errPostgreSQL
	}
	config.RuntimeParams["application_name"] = cmp.Or(config.RuntimeParams["application_name"], "skipup")
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadAfter, Interval: deadAfter / 5, Count: 5},
		Control:         limitUnacknowledged,
	}
	config.DialFunc = dialer.DialContext
	return config, nil
}

// readTimesInUTC makes pgx return times in UTC instead of the local time zone.
func readTimesInUTC(_ context.Context, connection *pgx.Conn) error {
	connection.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// limit limits the open connections and keeps them open.
func limit(pool *sql.DB, connections int) {
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
}

// gormConfig returns a configuration that logs slow queries, without their values.
func gormConfig(now func() time.Time, log *slog.Logger, slow time.Duration) *gorm.Config {
	return &gorm.Config{
		NowFunc:        now,
		TranslateError: true,
		QueryFields:    true, // see columnsOf
		Logger:         slowQueryLogger{logger.NewSlogLogger(log, logger.Config{SlowThreshold: slow, LogLevel: logger.Warn}), slow},
	}
}

// slowQuery is the default duration from which queries are logged.
const slowQuery = time.Second

// slowQueryLogger logs slow queries only. Errors are returned to callers, which log them once.
type slowQueryLogger struct {
	logger.Interface
	atLeast time.Duration // faster queries are not even formatted
}

// Trace counts a query, and logs it if it was slow. A query that waited for an unavailable database is
// reported as an outage instead.
func (l slowQueryLogger) Trace(ctx context.Context, begin time.Time, query func() (string, int64), err error) {
	took := time.Since(begin)
	countQuery(ctx, took)
	if took >= l.atLeast && !IsUnavailable(err) {
		l.Interface.Trace(ctx, begin, query, nil)
	}
}

// LogMode returns a logger with another level. The embedded one would log values and errors.
func (l slowQueryLogger) LogMode(level logger.LogLevel) logger.Interface {
	return slowQueryLogger{l.Interface.LogMode(level), l.atLeast}
}

// Error logs nothing: GORM also returns these errors, and they may contain the database password.
func (slowQueryLogger) Error(context.Context, string, ...any) {}

// ParamsFilter removes the values from logged queries, because they may be secrets.
func (slowQueryLogger) ParamsFilter(_ context.Context, query string, _ ...any) (string, []any) {
	return query, nil
}

var _ gorm.ParamsFilter = slowQueryLogger{} // GORM checks for the interface dynamically

// GORM formats the statements of Scan with a logger of its own, which has only this global filter.
func init() { logger.RecorderParamsFilter = slowQueryLogger{}.ParamsFilter }

// SQLiteFile returns the path of the file of a SQLite database URL, and whether url is one.
func SQLiteFile(url string) (path string, isSQLite bool) {
	rest, isSQLite := strings.CutPrefix(url, sqlite+":")
	if !isSQLite {
		return "", false
	}
	path, err := filepath.Abs(rest)
	return path, err == nil
}

// timeText returns a time as the database stores it.
func (d dialect) timeText(at time.Time) string {
	if d.name == sqlite {
		return sqlite3.TimeFormat4.Encode(at).(string)
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// durably returns a condition that is always true and makes the commit of its statement durable, even
// where the database is configured to lose commits in a crash.
func (d dialect) durably() string {
	if d.name == sqlite {
		return "true" // see sqliteSettings
	}
	return "(current_setting('synchronous_commit') <> 'off' OR set_config('synchronous_commit', 'on', true) = 'on')"
}

// epoch returns an expression for the seconds since 1970 of a column, which is faster to read than a
// time.
func (d dialect) epoch(column string) string {
	if d.name == sqlite {
		return "unixepoch(" + column + ")"
	}
	return "CAST(extract(epoch FROM " + column + ") AS bigint)"
}
