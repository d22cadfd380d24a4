package token

import "io"

// mark is a byte order mark at the start of UTF-16 text (RFC 2781 §3.2).
type mark [2]byte

var (
	littleEndian = mark{0xff, 0xfe}
	bigEndian    = mark{0xfe, 0xff}
)

// utf16Reader reads UTF-16 as one byte per code unit, in place, so that it keeps no copy. Code units
// beyond Latin-1, which no key contains, become zero.
type utf16Reader struct {
	from  io.Reader
	order mark
	first byte // of a code unit, if half is set
	half  bool // the second byte of the code unit has not been read
}

func (r *utf16Reader) Read(into []byte) (int, error) {
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
