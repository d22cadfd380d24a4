//go:build defects

package defect

import "sync"

var own sync.Map // epochs that this process has made

// NoteOwn notes an epoch that this process has made.
func NoteOwn(epoch int64) { own.Store(epoch, true) }

// IsOwn reports whether this process has made the epoch.
func IsOwn(epoch int64) bool {
	_, made := own.Load(epoch)
	return made
}
