package models

import "time"

// CallerIsNew is how long a caller is new after its first request.
const CallerIsNew = 7 * 24 * time.Hour

// NewCallers reports, by index, which of a key's callers are new at now, and returns their number. If
// all of them are, the key itself is new, and none counts as new.
func NewCallers(callers []APIKeyCaller, now time.Time) (isNew []bool, count int) {
	isNew = make([]bool, len(callers))
	recent := func(c *APIKeyCaller) bool { return !c.IsOthers() && now.Sub(c.FirstSeenAt) < CallerIsNew }
	hasOld := false
	for i := range callers {
		hasOld = hasOld || !recent(&callers[i])
	}
	for i := range callers {
		if isNew[i] = hasOld && recent(&callers[i]); isNew[i] {
			count++
		}
	}
	return isNew, count
}
