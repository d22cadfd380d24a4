package web

import (
	"sync"
	"time"

	"github.com/skipup/keys/models"
)

// outages reports when requests begin to fail because the database is unavailable, and when none has
// failed for a while, so that an outage doesn't fill the log with requests.
type outages struct {
	conditions *Conditions

	mu          sync.Mutex
	began, last time.Time
	failed      int // requests in this outage; 0 if there is none
}

// calm is how long no request may have failed until an outage is over.
const calm = 5 * time.Second

// requestFailed counts a request that failed with err, whether its cause is known or not.
func (o *outages) requestFailed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = time.Now()
	if o.failed++; o.failed == 1 {
		o.began = o.last
		o.conditions.Report("database", "Requests fail because the database is unavailable. "+models.OutageCause(err), "error", err)
	}
}

// databaseResponded ends the outage if no request has failed for a while.
func (o *outages) databaseResponded() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed > 0 && time.Since(o.last) >= calm {
		o.conditions.Report("database", "", "lasted", o.last.Sub(o.began).Round(time.Millisecond).String(), "failed_requests", o.failed)
		o.failed = 0
	}
}
