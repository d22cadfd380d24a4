package models

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// The bounds of a page of a list.
const (
	DefaultPageLimit = 25
	MaxPageLimit     = 100
)

// Page asks for one page of a list, newest first. The zero Page is the first, of the default
// size.
type Page struct {
	Limit  int    // 1 to MaxPageLimit; 0 means DefaultPageLimit
	Cursor string // of the page before; empty for the first
}

// Paged is one page of a list. NextCursor is empty on the last.
type Paged[T any] struct {
	Items      []T
	Limit      int
	NextCursor string
}

// listing names a list and everything that its rows are chosen by, so that a cursor of one
// list is not taken for one of another.
type listing []string

// after narrows query to the page that p asks for, by id, newest first. It fetches one row
// more than the page holds: see paged.
func (l listing) after(query *gorm.DB, column string, p *Page) (*gorm.DB, error) {
	fields := Fields{}
	if p.Limit == 0 {
		p.Limit = DefaultPageLimit
	}
	if p.Limit < 1 || p.Limit > MaxPageLimit {
		fields.add("limit", "must be a whole number from 1 to %d", MaxPageLimit)
	}
	if p.Cursor != "" {
		id, ok := l.open(p.Cursor)
		if !ok {
			fields.add("cursor", "is not one that this list has given out; leave it out to start at the first page")
		}
		query = query.Where(column+" < ?", id)
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	return query.Order(column + " DESC").Limit(p.Limit + 1), nil
}

// paged cuts rows, of which after has fetched one too many, to a page.
func paged[T any](l listing, p Page, rows []T, id func(*T) string) Paged[T] {
	page := Paged[T]{Items: rows, Limit: p.Limit}
	if len(rows) > p.Limit {
		page.Items = rows[:p.Limit]
		page.NextCursor = l.seal(id(&page.Items[p.Limit-1]))
	}
	return page
}

const cursorCheckLen = 9 // bytes, so that the whole needs no padding in base64

// seal makes the cursor that follows the row id. It is self-checking, not secret: every query
// names the workspace anyway.
func (l listing) seal(id string) string {
	return base64.RawURLEncoding.EncodeToString(append(l.check(id), id...))
}

func (l listing) open(cursor string) (id string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= cursorCheckLen {
		return "", false
	}
	id = string(raw[cursorCheckLen:])
	// In this one spelling, since decoding skips line breaks; and the check, which is no secret, can
	// be made for what is no text at all.
	return id, cursor == l.seal(id) && id == storable(id)
}

func (l listing) check(id string) []byte {
	hash := sha256.New()
	for _, part := range append([]string{id}, l...) {
		hash.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hash.Sum(nil)[:cursorCheckLen]
}

// likePattern matches texts that contain search, taken literally.
func likePattern(search string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(search) + "%"
}
