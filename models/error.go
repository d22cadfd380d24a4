package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"
	"gorm.io/gorm"
)

// Kind is the kind of an Error. Each interface maps it to its own status or exit code.
type Kind int

// The kinds of errors.
const (
	Invalid            Kind = iota + 1 // a value is missing or invalid; see Fields
	NotFound                           // the workspace has no such thing
	Forbidden                          // the caller may not do this
	FailedPrecondition                 // the current state does not allow it
	RateLimited                        // too many attempts
	Conflict                           // another change got in first; try again
)

// Error is an error that the caller caused and may read. Every other error is private and only
// logged.
type Error struct {
	Kind       Kind
	Message    string
	Fields     Fields        // with Invalid
	RetryAfter time.Duration // with RateLimited
}

func (e *Error) Error() string { return e.Message }

// Fields are error messages by field name. A message continues the name of its field, as in "must
// be in the future".
type Fields map[string]string

// add adds a message, unless the field already has one.
func (f Fields) add(name, format string, args ...any) {
	if _, already := f[name]; !already {
		f[name] = fmt.Sprintf(format, args...)
	}
}

// Sentence returns the message of the named field as a sentence that begins with label, such as
// "Expiry must be in the future." It returns "" if the field has no message.
func (f Fields) Sentence(name, label string) string {
	if f[name] == "" {
		return ""
	}
	sentence := label + " " + f[name]
	if strings.HasSuffix(sentence, "?") {
		return sentence
	}
	return sentence + "."
}

// err returns an Invalid error with all messages, or nil if there are none.
func (f Fields) err() error {
	if len(f) == 0 {
		return nil
	}
	sentences := make([]string, 0, len(f))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		sentences = append(sentences, f.Sentence(name, name))
	}
	return &Error{Kind: Invalid, Message: strings.Join(sentences, " "), Fields: f}
}

// JoinInvalid returns the errors about fields in errs as one, or nil if there are none. If another error
// is among them, it returns that one.
func JoinInvalid(errs ...error) error {
	joined := &Error{Kind: Invalid, Fields: Fields{}}
	var messages []string
	for _, err := range errs {
		if err == nil {
			continue
		}
		fields, invalid := FieldsOf(err)
		if !invalid {
			return err
		}
		maps.Copy(joined.Fields, fields)
		messages = append(messages, err.Error())
	}
	if len(messages) == 0 {
		return nil
	}
	joined.Message = strings.Join(messages, " ")
	return joined
}

// Errorf returns an error that the caller caused and may read.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// FieldsOf returns the field errors in err, and whether there are any.
func FieldsOf(err error) (Fields, bool) {
	if e, is := errors.AsType[*Error](err); is && len(e.Fields) > 0 {
		return e.Fields, true
	}
	return nil, false
}

// IsKind reports whether err is an Error of the given kind.
func IsKind(err error, kind Kind) bool {
	e, is := errors.AsType[*Error](err)
	return is && e.Kind == kind
}

// IsUnavailable reports whether err means that the database was unavailable, so that the same
// request may succeed later.
func IsUnavailable(err error) bool {
	var (
		network  net.Error
		connect  *pgconn.ConnectError
		server   *pgconn.PgError
		embedded *sqlite3.Error
	)
	switch {
	case err == nil:
		return false
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED), errors.Is(err, sqlite3.CANTOPEN),
		errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.READONLY),
		errors.Is(err, sqlite3.CONSTRAINT_COMMITHOOK), errors.Is(err, errFileReplaced), errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.As(err, &embedded): // implements net.Error for every error
		return false
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, pgconn.ErrConnClosed),
		errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), errors.As(err, &connect):
		return true
	case errors.As(err, &server):
		// Classes 08 connection exception, 53 insufficient resources, 57 operator intervention
		// (PostgreSQL documentation, appendix A).
		return slices.Contains([]string{readOnlyTransaction, lockNotAvailable, deadlockDetected, idleInTransaction}, server.Code) || len(server.Code) == 5 && slices.Contains([]string{"08", "53", "57"}, server.Code[:2])
	}
	return false
}

// IsUnmigrated reports whether err means that the database lacks a table or a column of this version.
func IsUnmigrated(err error) bool {
	if server, is := errors.AsType[*pgconn.PgError](err); is {
		return server.Code == undefinedTable || server.Code == undefinedColumn
	}
	// SQLite has no code for this.
	return errors.Is(err, sqlite3.ERROR) && (strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "no such column"))
}

// PostgreSQL's error codes (appendix A of its documentation) for tables and columns that don't exist.
const (
	undefinedTable  = "42P01"
	undefinedColumn = "42703"
)

// PostgreSQL's error codes (appendix A of its documentation) for outages outside of the classes above.
const (
	readOnlyTransaction = "25006" // a write to a server that is read-only, such as a standby
	idleInTransaction   = "25P03" // see sessionTimeouts
	lockNotAvailable    = "55P03" // see sessionTimeouts
	deadlockDetected    = "40P01"
)

// characterNotInRepertoire is PostgreSQL's error code for text that is not valid UTF-8 or contains NUL.
const characterNotInRepertoire = "22021"

// notFound converts GORM's error for a missing row into a NotFound error that names what, and wraps
// other errors. An ID that PostgreSQL cannot store, such as one with NUL, is not found either.
func notFound(err error, what string) error {
	var server *pgconn.PgError
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.As(err, &server) && server.Code == characterNotInRepertoire {
		return Errorf(NotFound, "%s not found.", strings.ToUpper(what[:1])+what[1:])
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
