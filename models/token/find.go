package token

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// schemeBytes is what every key begins with.
var schemeBytes = []byte(scheme)

// find returns where in text the first key of either environment begins at or after from; -1 if
// there is none. What surrounds a key does not matter: its checksum tells it from a look-alike.
func find(text []byte, from int) int {
	for {
		next := bytes.Index(text[from:], schemeBytes)
		if next < 0 || len(text)-from-next < Len {
			return -1
		}
		from += next
		if isKey(text[from : from+Len]) {
			return from
		}
		from++
	}
}

// isKey reports whether text, of the length of a key, is one of either environment.
func isKey(text []byte) bool {
	// Most of what begins like a key is seen here not to be one, without a copy of it.
	if text[bodyAt-1] != '_' || !isBase62(text[bodyAt]) {
		return false
	}
	key := string(text)
	return (HasShape(Live, key) || HasShape(Test, key)) && HasChecksum(key)
}

// bodyAt is where in a key its random characters begin.
const bodyAt = Len - bodyLen

// Redact replaces every key in text, of either environment, with its hint. It is for text that
// comes from outside and is kept, such as a User-Agent, into which somebody may have put a key.
func Redact(text string) string {
	raw := []byte(text)
	at := find(raw, 0)
	if at < 0 {
		return text
	}
	var redacted []byte
	from := 0
	for ; at >= 0; at = find(raw, from) {
		key := text[at : at+Len]
		redacted = append(append(redacted, raw[from:at]...), Secret{&key}.Hint()...)
		from = at + Len
	}
	return string(append(redacted, raw[from:]...))
}

// Occurs reports whether text has a key in it, of either environment.
func Occurs(text string) bool { return find([]byte(text), 0) >= 0 }

// Finding is a key that was found in a text, and where. It does not hold the key itself.
type Finding struct {
	Digest Digest
	Hint   string
	Line   int64 // from 1; a line ends with a line feed
	Column int64 // the byte in the line, from 1; in UTF-16 the code unit
}

// searched is how much of a text is in memory at a time.
const searched = 256 << 10

// buffers are used again: a tree of small files would else be a matter of making them.
var buffers = sync.Pool{New: func() any { return new([searched]byte) }}

// Search calls found for every key in the text of r, of either environment, in the order of
// their places. Text that begins with the byte order mark of UTF-16, as Windows writes it, is
// read as that. Search keeps no more than a portion of the text, which it wipes. The error is
// that of r, or of found, which ends the search.
func Search(r io.Reader, found func(Finding) error) error {
	buffer, used := buffers.Get().(*[searched]byte), 0
	defer func() {
		clear(buffer[:used])
		buffers.Put(buffer)
	}()
	place := place{line: 1, column: 1}
	kept, err := io.ReadFull(r, buffer[:len(mark{})])
	if err != nil && !isEnd(err) {
		return err
	}
	if order := (mark)(buffer[:len(mark{})]); kept == len(order) && (order == littleEndian || order == bigEndian) {
		r, kept = &narrowed{from: r, order: order}, 0
	}
	for {
		n, err := io.ReadFull(r, buffer[kept:])
		text := buffer[:kept+n]
		used = max(used, len(text))
		from := 0
		for at := find(text, 0); at >= 0; at = find(text, from) {
			place.pass(text[from:at])
			key := string(text[at : at+Len])
			if err := found(Finding{DigestOf(key), Secret{&key}.Hint(), place.line, place.column}); err != nil {
				return err
			}
			from = at + Len
			place.pass(text[at:from])
		}
		switch {
		case isEnd(err):
			return nil
		case err != nil:
			return err
		}
		// A key may begin at the end of this portion and end in the next.
		keep := max(from, len(text)-(Len-1))
		place.pass(text[from:keep])
		kept = copy(buffer[:], text[keep:])
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// place counts lines and columns.
type place struct{ line, column int64 }

func (p *place) pass(text []byte) {
	lines := bytes.Count(text, []byte{'\n'})
	if lines == 0 {
		p.column += int64(len(text))
		return
	}
	p.line += int64(lines)
	p.column = int64(len(text) - bytes.LastIndexByte(text, '\n'))
}
