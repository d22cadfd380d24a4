package keyauth

import "sync/atomic"

// index maps hashes to entry numbers by open addressing. A cell holds a hash in its upper half and
// a number plus one in its lower half; 0 is an empty cell. Readers load cells atomically while one
// writer changes them.
type index []uint64

const minCells = 1 << 10

func cellOf(hash, number uint32) uint64 { return uint64(hash)<<32 | uint64(number+1) }

func hashIn(cell uint64) uint32 { return uint32(cell >> 32) }

func numberIn(cell uint64) uint32 { return uint32(cell) - 1 }

// insert stores a number in the first empty cell for its hash.
func (x index) insert(hash, number uint32) {
	mask := uint64(len(x) - 1)
	i := uint64(hash) & mask
	for x[i] != 0 {
		i = (i + 1) & mask
	}
	atomic.StoreUint64(&x[i], cellOf(hash, number))
}

// remove empties the cell of a number and closes the gap, so that no cell behind it is cut off from
// the start of its probe sequence (Knuth, The Art of Computer Programming, volume 3, §6.4,
// algorithm R).
func (x index) remove(hash, number uint32) {
	mask := uint64(len(x) - 1)
	gap := uint64(hash) & mask
	for x[gap] != cellOf(hash, number) {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; x[i] != 0; i = (i + 1) & mask {
		first := uint64(hashIn(x[i])) & mask
		if (i-first)&mask >= (i-gap)&mask {
			atomic.StoreUint64(&x[gap], x[i])
			gap = i
		}
	}
	atomic.StoreUint64(&x[gap], 0)
}

// doubled returns a copy with twice as many cells.
func (x index) doubled() index {
	larger := make(index, 2*len(x))
	for _, cell := range x {
		if cell != 0 {
			larger.insert(hashIn(cell), numberIn(cell))
		}
	}
	return larger
}
