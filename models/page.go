package models

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"gorm.io/gorm"
)

// The default and the largest size of a page.
const (
	DefaultPageLimit = 25
	MaxPageLimit     = 100
)

// Page selects one page of a list, newest first. The zero value selects the first page, of the
// default size.
type Page struct {
	Limit  int    // 1 to MaxPageLimit; 0 means DefaultPageLimit
	Cursor string // from the previous page; empty for the first
}

// Paged is one page of a list. NextCursor is empty on the last page.
type Paged[T any] struct {
	Items      []T
	Limit      int
	NextCursor string
}

// listing identifies a list by its name and filters, so that a cursor from one list is not accepted
// for another.
type listing []string

// after limits query to the page that p selects, by ID, newest first, and to one more row, which
// tells paged whether another page follows.
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
			fields.add("cursor", "is invalid. Omit it to start at the first page")
		}
		query = query.Where(column+" < ?", id)
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	return query.Order(column + " DESC").Limit(p.Limit + 1), nil
}

// paged returns rows, which after has limited, as a page.
func paged[T any](l listing, p Page, rows []T, id func(*T) string) Paged[T] {
	page := Paged[T]{Items: rows, Limit: p.Limit}
	if len(rows) > p.Limit {
		page.Items = rows[:p.Limit]
		page.NextCursor = l.seal(id(&page.Items[p.Limit-1]))
	}
	return page
}

const cursorCheckLen = 9 // bytes

// seal returns the cursor for the page after the row with an ID. Its checksum detects cursors of other
// lists. It needs no secret, because every query names the workspace.
func (l listing) seal(id string) string {
	return base64.RawURLEncoding.EncodeToString(append(l.check(id), id...))
}

func (l listing) open(cursor string) (id string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= cursorCheckLen {
		return "", false
	}
	id = string(raw[cursorCheckLen:])
	// The decoder ignores line breaks, and anyone can compute the checksum of an invalid ID.
	return id, cursor == l.seal(id) && id == storable(id)
}

func (l listing) check(id string) []byte {
	hash := sha256.New()
	for _, part := range append([]string{id}, l...) {
		hash.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hash.Sum(nil)[:cursorCheckLen]
}
