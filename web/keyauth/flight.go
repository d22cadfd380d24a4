package keyauth

import (
	"sync"

	"github.com/skipup/keys/models/token"
)

// flights are the database reads in progress, at most one for each digest. They are not
// golang.org/x/sync/singleflight, because a request must not share a read that began before the
// request arrived: it waits for that read and then shares the one after it.
type flights struct {
	mu      sync.Mutex
	current map[token.Digest]*flight
}

// flight is one read. Its result may be read once done is closed.
type flight struct {
	done chan struct{}
	key  Key
	err  error
	next *flight // the read shared by the requests that waited for this one
}

// join returns the read in progress for a digest. If there is none, it returns a new read, which
// the caller must carry out.
func (f *flights) join(digest token.Digest) (read *flight, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.joinLocked(digest)
}

// follow returns a read that began after an earlier one ended. All requests that waited for the
// earlier one get the same read. If it is new, the caller must carry it out.
func (f *flights) follow(digest token.Digest, earlier *flight) (read *flight, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if earlier.next == nil {
		earlier.next, isNew = f.joinLocked(digest)
	}
	return earlier.next, isNew
}

func (f *flights) joinLocked(digest token.Digest) (read *flight, isNew bool) {
	if read, ok := f.current[digest]; ok {
		return read, false
	}
	read = &flight{done: make(chan struct{})}
	if f.current == nil {
		f.current = map[token.Digest]*flight{}
	}
	f.current[digest] = read
	return read, true
}

// finish publishes the result of a read.
func (f *flights) finish(digest token.Digest, read *flight, key Key, err error) {
	f.mu.Lock()
	delete(f.current, digest)
	f.mu.Unlock()
	read.key, read.err = key, err
	close(read.done)
}
