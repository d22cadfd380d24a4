package keyauth

import (
	"sync"

	"github.com/skipup/keys/models/token"
)

// flights are the reads of the store that are under way, at most one for each digest.
type flights struct {
	mu       sync.Mutex
	underway map[token.Digest]*flight
}

// flight is one read and, once done is closed, what came of it.
type flight struct {
	done chan struct{}
	key  Key
	err  error
	next *flight // begun after this one was done, by somebody who had waited for it
}

// join is the read of a digest that is under way, or a new one, which the caller has to do.
func (f *flights) join(digest token.Digest) (one *flight, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.joinLocked(digest)
}

// follow is a read of the digest that began after one was done: the same for all who have
// waited for that one, whenever they get round to asking.
func (f *flights) follow(digest token.Digest, one *flight) (next *flight, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.next == nil {
		one.next, isNew = f.joinLocked(digest)
	}
	return one.next, isNew
}

func (f *flights) joinLocked(digest token.Digest) (one *flight, isNew bool) {
	if one, underway := f.underway[digest]; underway {
		return one, false
	}
	one = &flight{done: make(chan struct{})}
	if f.underway == nil {
		f.underway = map[token.Digest]*flight{}
	}
	f.underway[digest] = one
	return one, true
}

// land tells everybody who waits what came of a read.
func (f *flights) land(digest token.Digest, one *flight, key Key, err error) {
	f.mu.Lock()
	delete(f.underway, digest)
	f.mu.Unlock()
	one.key, one.err = key, err
	close(one.done)
}
