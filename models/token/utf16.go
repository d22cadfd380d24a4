package token

import "io"

// mark is the byte order mark with which text in UTF-16 begins (RFC 2781 §3.2).
type mark [2]byte

var (
	littleEndian = mark{0xff, 0xfe}
	bigEndian    = mark{0xfe, 0xff}
)

// narrowed reads UTF-16 as one byte for each code unit, in place, so that it holds no copy. That
// of a unit beyond Latin-1 is zero: no key has one.
type narrowed struct {
	from  io.Reader
	order mark
	first byte // of a unit, whose second byte is still to come
	half  bool // first is one
}

func (r *narrowed) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	units := 0
	for _, second := range into[:n] {
		if r.half = !r.half; r.half {
			r.first = second
			continue
		}
		low, high := r.first, second
		if r.order == bigEndian {
			low, high = high, low
		}
		if high != 0 {
			low = 0
		}
		into[units] = low
		units++
	}
	clear(into[units:n])
	return units, err
}
