package keyauth

import "sync/atomic"

// index finds the numbers of entries by hashes, with open addressing. A cell holds a hash in its
// upper half and a number plus one in its lower; 0 is empty. Readers load cells atomically while
// one writer changes them.
type index []uint64

const firstCells = 1 << 10

func cellOf(hash, number uint32) uint64 { return uint64(hash)<<32 | uint64(number+1) }

func hashIn(cell uint64) uint32 { return uint32(cell >> 32) }

func numberIn(cell uint64) uint32 { return uint32(cell) - 1 }

// insert puts a number into the first empty cell for its hash.
func (x index) insert(hash, number uint32) {
	mask := uint64(len(x) - 1)
	at := uint64(hash) & mask
	for x[at] != 0 {
		at = (at + 1) & mask
	}
	atomic.StoreUint64(&x[at], cellOf(hash, number))
}

// remove empties the cell of a number and closes the gap, so that none behind it is cut off from
// where its search begins (Knuth, The Art of Computer Programming, volume 3, §6.4, algorithm R).
func (x index) remove(hash, number uint32) {
	mask := uint64(len(x) - 1)
	gap := uint64(hash) & mask
	for x[gap] != cellOf(hash, number) {
		gap = (gap + 1) & mask
	}
	for next := (gap + 1) & mask; x[next] != 0; next = (next + 1) & mask {
		home := uint64(hashIn(x[next])) & mask
		if (next-home)&mask >= (next-gap)&mask {
			atomic.StoreUint64(&x[gap], x[next])
			gap = next
		}
	}
	atomic.StoreUint64(&x[gap], 0)
}

// doubled is the same in twice as many cells.
func (x index) doubled() index {
	larger := make(index, 2*len(x))
	for _, cell := range x {
		if cell != 0 {
			larger.insert(hashIn(cell), numberIn(cell))
		}
	}
	return larger
}
