package models

import (
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // the database/sql driver "sqlite3", without cgo
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
	sqlite   = "sqlite"
	postgresql = "postgres"
)

// errDatabaseURL does not repeat the address: it may hold a password.
var errDatabaseURL = errors.New(`the database address must be "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/NAME"`)

// sqliteSettings: readers never wait for the writer (WAL), a writer waits up to five seconds
// for another, a transaction takes the write lock at its start so that it cannot fail half-way,
// and times are stored so that their text sorts by time.
var sqliteSettings = url.Values{
	"_pragma":  {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(normal)", "foreign_keys(1)"},
	"_txlock":  {"immediate"},
	"_timefmt": {sqliteTime},
}

const sqliteTime = "2006-01-02T15:04:05.000Z07:00"

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
		file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: rest}).EscapedPath(), RawQuery: sqliteSettings.Encode()}
		return dialect{sqlite, file.String()}, nil
	case "postgres", "postgresql":
		if _, err := url.Parse(address); err != nil {
			return dialect{}, errDatabaseURL
		}
		return dialect{postgresql, address}, nil
	}
	return dialect{}, errDatabaseURL
}

func (d dialect) open(config *gorm.Config) (*gorm.DB, error) {
	if d.name == sqlite {
		db, err := gorm.Open(gormlite.Open(d.dsn), config)
		return db, pool(db, err, 8)
	}
	db, err := gorm.Open(postgres.Open(d.dsn), config)
	return db, pool(db, err, 24)
}

// pool bounds the open connections, and keeps them: making one costs more than holding it.
func pool(db *gorm.DB, err error, connections int) error {
	if err != nil {
		return err
	}
	sqlDB, err := db.DB()
	if err != nil {
		return err
	}
	sqlDB.SetMaxOpenConns(connections)
	sqlDB.SetMaxIdleConns(connections)
	sqlDB.SetConnMaxIdleTime(5 * time.Minute)
	return nil
}

// gormConfig logs neither the values of a query, which may be secrets, nor a missing row.
func gormConfig(now func() time.Time, log *slog.Logger) *gorm.Config {
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &gorm.Config{
		NowFunc:        now,
		TranslateError: true,
		Logger: logger.NewSlogLogger(log, logger.Config{
			SlowThreshold:             time.Second,
			LogLevel:                  logger.Warn,
			IgnoreRecordNotFoundError: true,
			ParameterizedQueries:      true,
		}),
	}
}
