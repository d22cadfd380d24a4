package token

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// schemeBytes is the start of every key.
var schemeBytes = []byte(scheme)

// find returns the index of the first key in text at or after from; -1 if there is none. It finds
// keys of both environments, whatever surrounds them.
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

// isKey reports whether text, which must have the length of a key, is a key of either environment.
func isKey(text []byte) bool {
	// This rejects most candidates without copying them.
	if text[bodyAt-1] != '_' || !isBase62(text[bodyAt]) {
		return false
	}
	key := string(text)
	return (hasShape(Live, key) || hasShape(Test, key)) && hasChecksum(key)
}

// bodyAt is the index of the random characters in a key.
const bodyAt = Len - bodyLen

// Redact replaces every key in text, of either environment, with its hint. Use it for stored input
// that may contain a key, such as a User-Agent.
func Redact(text string) string {
	return Replace(text, func(f Finding) string { return f.Hint })
}

// Replace replaces every key in text, of either environment, with what with returns. It doesn't set the
// positions of findings.
func Replace(text string, with func(Finding) string) string {
	raw := []byte(text)
	at := find(raw, 0)
	if at < 0 {
		return text
	}
	var replaced []byte
	from := 0
	for ; at >= 0; at = find(raw, from) {
		key := text[at : at+Len]
		replaced = append(replaced, raw[from:at]...)
		replaced = append(replaced, with(Finding{Digest: digestOf(key), Hint: Secret{&key}.Hint()})...)
		from = at + Len
	}
	return string(append(replaced, raw[from:]...))
}

// Occurs reports whether text contains a key of either environment.
func Occurs(text string) bool { return find([]byte(text), 0) >= 0 }

// Finding is a key found in a text and its position. It doesn't contain the key itself.
type Finding struct {
	Digest Digest
	Hint   string
	Line   int64 // from 1; a line ends with a line feed
	Column int64 // byte in the line, from 1; code unit in UTF-16
}

// bufferSize is the maximum size of the text in memory.
const bufferSize = 256 << 10

// buffers are reused, because allocating them would dominate the scan of small files.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Search calls found for every key in the text of r, of either environment, in order. Text that
// begins with the byte order mark of UTF-16 is read as UTF-16. Search keeps only a part of the text in
// memory, and wipes it. It returns the first error of r or found.
func Search(r io.Reader, found func(Finding) error) error {
	buffer, used := buffers.Get().(*[bufferSize]byte), 0
	defer func() {
		clear(buffer[:used])
		buffers.Put(buffer)
	}()
	position := position{line: 1, column: 1}
	kept, err := io.ReadFull(r, buffer[:len(mark{})])
	if err != nil && !isEnd(err) {
		return err
	}
	if order := (mark)(buffer[:len(mark{})]); kept == len(order) && (order == littleEndian || order == bigEndian) {
		r, kept = &utf16Reader{from: r, order: order}, 0
	}
	for {
		n, err := io.ReadFull(r, buffer[kept:])
		text := buffer[:kept+n]
		used = max(used, len(text))
		from := 0
		for at := find(text, 0); at >= 0; at = find(text, from) {
			position.advance(text[from:at])
			key := string(text[at : at+Len])
			if err := found(Finding{digestOf(key), Secret{&key}.Hint(), position.line, position.column}); err != nil {
				return err
			}
			from = at + Len
			position.advance(text[at:from])
		}
		switch {
		case isEnd(err):
			return nil
		case err != nil:
			return err
		}
		// A key may start in this part of the text and end in the next.
		keep := max(from, len(text)-(Len-1))
		position.advance(text[from:keep])
		kept = copy(buffer[:], text[keep:])
	}
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// position counts lines and columns.
type position struct{ line, column int64 }

func (p *position) advance(text []byte) {
	lines := bytes.Count(text, []byte{'\n'})
	if lines == 0 {
		p.column += int64(len(text))
		return
	}
	p.line += int64(lines)
	p.column = int64(len(text) - bytes.LastIndexByte(text, '\n'))
}
