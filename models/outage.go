package models

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"
)

// serverOutages are causes of an unavailable database by PostgreSQL's error code (PostgreSQL
// documentation, appendix A).
var serverOutages = map[string]string{
	"25006": "The database is read-only.",
	"25P03": "The database ended a transaction that took too long.",
	"55P03": "The database is busy.",
	"40P01": "The database is busy.",
	"53100": "The database has no space left.",
	"53200": "The database is out of memory.",
	"53300": "The database has no connections left.",
	"57P01": "The database is restarting.",
	"57P02": "The database is restarting.",
	"57P03": "The database is starting or stopping.",
	"28P01": "The database rejects the password.",
	"28000": "The database rejects the user.",
	"3D000": "The database doesn't exist.",
}

// RejectsUser reports whether err means that PostgreSQL rejects the user or the password, which waiting doesn't
// change.
func RejectsUser(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && strings.HasPrefix(server.Code, "28")
}

// OutageCause returns a sentence that says why the database is unavailable. It contains no secrets.
func OutageCause(err error) string {
	var server *pgconn.PgError
	switch {
	case errors.Is(err, ErrOutdated):
		return "This server is too old for the database."
	case errors.Is(err, errFileReplaced), errors.Is(err, sqlite3.CONSTRAINT_COMMITHOOK):
		return "The database file was deleted or replaced while the server runs. Restore it, then restart the server."
	case errors.Is(err, sqlite3.FULL), errors.Is(err, errNoSpace):
		return "The database has no space left."
	case errors.Is(err, sqlite3.READONLY):
		return "The database is read-only."
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return "The database file is damaged."
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return "The database is busy."
	case errors.As(err, &server) && serverOutages[server.Code] != "":
		return serverOutages[server.Code]
	}
	return "We can't reach the database."
}
