package apikeys

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

const (
	// topCallers is the number of callers on the page of a key.
	topCallers = 3
	// firstIsNews is how long the page of a key says that the first request has arrived.
	firstIsNews = 10 * time.Minute
)

// KeyUsage is the usage of a key on its page: who uses it, how much, and whether that fails.
type KeyUsage struct {
	UsagePage
	LastError *models.KeyError // nil if there was none in the last UsageDays
}

// live returns the attributes that refresh the usage of a key until its first request is accepted.
func (u KeyUsage) live(in path.Workspace) templ.Attributes {
	if !u.isWaiting() {
		return nil
	}
	query := url.Values{"seen": {strconv.FormatInt(u.Ever, 10)}}
	return templ.Attributes{
		"data-live": "1000", "hx-get": in.APIKey(u.Report.Key.ID) + "?" + query.Encode(), "hx-trigger": "live",
		"hx-select": "#key-usage", "hx-target": "#key-usage", "hx-swap": "outerMorph ignoreTitle:true", "hx-sync": "this:drop",
	}
}

// isEmpty reports whether there is nothing to show of a deleted key.
func (u KeyUsage) isEmpty() bool {
	return u.Report.Key.DeletedAt != nil && u.Report.Total.Requests == 0 && len(u.Callers) == 0 && u.LastError == nil
}

// isWaiting reports whether the key waits for its first request.
func (u KeyUsage) isWaiting() bool {
	return u.Report.Key.LastUsedAt == nil && u.Report.Key.AcceptedAt(u.Now)
}

// hasRejections reports whether requests have been rejected.
func (u KeyUsage) hasRejections() bool {
	return slices.ContainsFunc(u.Report.Uses, func(use models.APIKeyRouteUse) bool { return use.Rejection != usage.Accepted })
}

// first returns the first accepted request if it arrived only recently, and otherwise nil.
func (u KeyUsage) first() *models.APIKeyRouteUse {
	var first *models.APIKeyRouteUse
	for i, use := range u.Report.Uses {
		if use.Rejection == usage.Accepted && (first == nil || use.FirstAt.Before(first.FirstAt)) {
			first = &u.Report.Uses[i]
		}
	}
	if first == nil || u.Now.Sub(first.FirstAt) >= firstIsNews {
		return nil
	}
	return first
}

// top returns the callers that sent the most requests, those of the last UsageDays first.
func (u KeyUsage) top() []models.APIKeyCaller {
	recently := func(c models.APIKeyCaller) int {
		if u.isRecent(&c) {
			return 1
		}
		return 0
	}
	callers := slices.Clone(u.Callers)
	slices.SortStableFunc(callers, func(a, b models.APIKeyCaller) int {
		return cmp.Or(recently(b)-recently(a), cmp.Compare(b.Accepted+b.Rejected, a.Accepted+a.Rejected))
	})
	return callers[:min(topCallers, len(callers))]
}

// isRecent reports whether a request of the caller was accepted in the last UsageDays.
func (u KeyUsage) isRecent(c *models.APIKeyCaller) bool {
	return c.LastAcceptedAt != nil && u.Now.Sub(*c.LastAcceptedAt) < UsageDays*day
}

// affected returns who would notice that the key stops working, such as "3 callers".
func (u KeyUsage) affected() string {
	callers := 0
	for i := range u.Callers {
		if u.isRecent(&u.Callers[i]) {
			callers += max(1, u.Callers[i].Others.Len())
		}
	}
	return ui.Plural(int64(callers), "caller")
}

// verdict says whether the key is in use, and what follows for its deletion.
func (u KeyUsage) verdict() (fact, advice string) {
	key := u.Report.Key
	switch {
	case key.LastUsedAt == nil:
		return "Never used", "Nothing breaks if you delete it."
	case key.InUseAt(u.Now):
		return "In use", "Deleting it would affect " + u.affected() + " of the last " + ui.Plural(UsageDays, "day") + "."
	case u.Now.Sub(*key.LastUsedAt) < UsageDays*day:
		return "Not used in the last day", "Deleting it could affect " + u.affected() + " of the last " + ui.Plural(UsageDays, "day") + "."
	}
	return "Not used in the last " + ui.Plural(UsageDays, "day"), "If something may use it rarely, pause it before you delete it."
}

// errorStatus returns the status of the last error.
func (u KeyUsage) errorStatus() string {
	switch u.LastError.Rejection {
	case usage.Accepted:
		return strconv.Itoa(u.LastError.StatusClass) + "xx"
	case usage.RejectedScope, usage.RejectedAddress:
		return "403"
	case usage.RejectedRateLimit:
		return "429"
	}
	return "401"
}

// errorUse returns the uses that the last error is one of, if the key check rejected it, and otherwise nil.
func (u KeyUsage) errorUse() *models.APIKeyRouteUse {
	for i, use := range u.Report.Uses {
		if use.Rejection != usage.Accepted && use.Rejection == u.LastError.Rejection && use.Route == u.LastError.Route {
			return &u.Report.Uses[i]
		}
	}
	return nil
}
