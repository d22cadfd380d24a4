package models

import "time"

// CallerIsNew is how long a caller counts as new.
const CallerIsNew = 7 * 24 * time.Hour

// NewCallers counts the callers among those of a key that are new at now, and reports for each by
// its index whether it is. In the first days of a key none is: it has no old ones to tell them
// from.
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
