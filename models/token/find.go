package token

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
)

// find returns the start and the end of the first key in text at or after from; start is -1 if there is
// none. It finds keys of both modes with any prefix, whatever surrounds them.
func find(text []byte, from int) (start, end int) {
	for at := from; ; at++ {
		next := bytes.IndexByte(text[at:], '_')
		if next < 0 || len(text)-at-next < middleLen+bodyLen {
			return -1, -1
		}
		at += next
		if end := at + middleLen + bodyLen; followsPrefix(text[at:end]) {
			if start := startOf(text[from:end]); start >= 0 {
				return from + start, end
			}
		}
	}
}

// followsPrefix reports whether text, which must have the length of the rest of a key after its prefix, has the
// shape of it. This rejects most candidates without copying them.
func followsPrefix(text []byte) bool {
	mode := Mode(text[1 : middleLen-1])
	return text[middleLen-1] == '_' && (mode == Live || mode == Test) && !slices.ContainsFunc(text[middleLen:], isNotBase62)
}

func isNotBase62(b byte) bool { return !isBase62(b) }

// startOf returns the start of the longest key that ends where text ends, or -1 if there is none.
func startOf(text []byte) int {
	most := text[max(0, len(text)-maxLen):]
	candidate := string(most)
	for start := range len(candidate) - minLen + 1 {
		if isKey(candidate[start:]) {
			return len(text) - len(candidate) + start
		}
	}
	return -1
}

// Redact replaces every key in text, of either mode, with its hint. Use it for stored input
// that may contain a key, such as a User-Agent.
func Redact(text string) string {
	return Replace(text, func(f Finding) string { return f.Hint })
}

// Replace replaces every key in text, of either mode, with what with returns. It doesn't set the
// positions of findings.
func Replace(text string, with func(Finding) string) string {
	raw := []byte(text)
	start, end := find(raw, 0)
	if start < 0 {
		return text
	}
	var replaced []byte
	from := 0
	for ; start >= 0; start, end = find(raw, from) {
		key := text[start:end]
		replaced = append(replaced, raw[from:start]...)
		replaced = append(replaced, with(Finding{Digest: digestOf(key), Hint: Secret{&key}.Hint()})...)
		from = end
	}
	return string(append(replaced, raw[from:]...))
}

// Occurs reports whether text contains a key.
func Occurs(text string) bool {
	start, _ := find([]byte(text), 0)
	return start >= 0
}

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

// Search calls found for every key in the text of r, in order. Text that
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
		for start, end := find(text, 0); start >= 0; start, end = find(text, from) {
			position.advance(text[from:start])
			key := string(text[start:end])
			if err := found(Finding{digestOf(key), Secret{&key}.Hint(), position.line, position.column}); err != nil {
				return err
			}
			from = end
			position.advance(text[start:end])
		}
		switch {
		case isEnd(err):
			return nil
		case err != nil:
			return err
		}
		// A key may start in this part of the text and end in the next.
		keep := max(from, len(text)-(maxLen-1))
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
