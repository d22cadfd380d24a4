package models

import (
	"sort"
	"sync"
	"time"
)

// appliedEpochs remembers when the node in this process had applied changes to keys, by its own clock. So
// a request that it accepted later with a deleted key is evidence of a bug, whatever the clocks of other
// machines show.
type appliedEpochs struct {
	mu      sync.Mutex
	applied []appliedEpoch // in ascending order
}

type appliedEpoch struct {
	epoch int64
	at    time.Time
}

// maxAppliedEpochs limits the memory for appliedEpochs. Of the changes before them, the node only
// remembers that they came earlier.
const maxAppliedEpochs = 4096

// add records that the node had applied all changes up to an epoch at a time.
func (a *appliedEpochs) add(epoch int64, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := len(a.applied) - 1; last >= 0 && a.applied[last].epoch >= epoch {
		return
	}
	if len(a.applied) == maxAppliedEpochs {
		a.applied = append(a.applied[:0], a.applied[maxAppliedEpochs/2:]...)
	}
	a.applied = append(a.applied, appliedEpoch{epoch, at})
}

// forget forgets all changes, because epochs may be used again.
func (a *appliedEpochs) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.applied = nil
}

// by returns a time by which the node had applied the change at an epoch. It reports false if the node
// hasn't applied it.
func (a *appliedEpochs) by(epoch int64) (at time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := sort.Search(len(a.applied), func(i int) bool { return a.applied[i].epoch >= epoch })
	if i == len(a.applied) {
		return time.Time{}, false
	}
	return a.applied[i].at, true
}
