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

// Kind says what sort of mistake an Error is, so that each face can answer in its own way.
type Kind int

// The kinds of mistakes that a caller may read about.
const (
	Invalid            Kind = iota + 1 // a value is missing or refused; Fields says which
	NotFound                           // no such thing in this workspace
	Forbidden                          // the caller may not do this
	FailedPrecondition                 // the present state does not allow it
	RateLimited                        // too many attempts
	Conflict                           // something else is at it just now
)

// Error is a mistake of the caller, written for the caller to read. Every other error is
// private: it goes to the log, never into an answer.
type Error struct {
	Kind       Kind
	Message    string
	Fields     Fields        // with Invalid
	RetryAfter time.Duration // with RateLimited
}

func (e *Error) Error() string { return e.Message }

// Fields are the complaints about a form's values, by field name.
type Fields map[string]string

// add notes a complaint, the first for each field.
func (f Fields) add(name, format string, args ...any) {
	if _, already := f[name]; !already {
		f[name] = fmt.Sprintf(format, args...)
	}
}

// err is nil without complaints, and an Invalid error that says them all with any.
func (f Fields) err() error {
	if len(f) == 0 {
		return nil
	}
	sentences := make([]string, 0, len(f))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		sentences = append(sentences, name+" "+f[name]+".")
	}
	return &Error{Kind: Invalid, Message: strings.Join(sentences, " "), Fields: f}
}

// Errorf makes an error that the caller caused and may read.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// FieldsOf returns the complaints in err, and whether there are any.
func FieldsOf(err error) (Fields, bool) {
	var refused *Error
	if errors.As(err, &refused) && len(refused.Fields) > 0 {
		return refused.Fields, true
	}
	return nil, false
}

// IsKind reports whether err is an Error of kind.
func IsKind(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// IsUnavailable reports whether err means that the database could not be asked, so that the
// same request may succeed later.
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
		errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.FULL), errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.As(err, &embedded): // which has the methods of a net.Error, whatever it is about
		return false
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &network), errors.As(err, &connect):
		return true
	case errors.As(err, &server):
		// Classes 08 connection exception, 53 insufficient resources, 57 operator intervention
		// (PostgreSQL documentation, appendix A).
		return len(server.Code) == 5 && slices.Contains([]string{"08", "53", "57"}, server.Code[:2])
	}
	return false
}

// characterNotInRepertoire is PostgreSQL's code for text that is not valid UTF-8 or has NUL.
const characterNotInRepertoire = "22021"

// notFound turns GORM's missing row into an Error that names what is missing, and wraps the
// rest. A text that PostgreSQL cannot hold, such as one with NUL, is the id of no row either.
func notFound(err error, what string) error {
	var server *pgconn.PgError
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.As(err, &server) && server.Code == characterNotInRepertoire {
		return Errorf(NotFound, "There is no such %s.", what)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}
