// Package apikeys draws the pages of Settings > API Keys.
package apikeys

import (
	"net/url"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/views/path"
)

// PageSize is how many keys the list shows at once.
const PageSize = 50

// Query is what the address of the list asks for.
type Query struct {
	Search string `query:"q"`
	State  string `query:"state"`
	Scope  string `query:"scope"`
	Review string `query:"review"` // a finding
	Sort   string `query:"sort"`
	Order  string `query:"order"` // "asc" or "desc"
	Page   int    `query:"page"`
}

// Address is the list as q asks for it.
func (q Query) Address() string {
	values := url.Values{}
	for name, value := range map[string]string{"q": q.Search, "state": q.State, "scope": q.Scope, "review": q.Review, "sort": q.Sort, "order": q.Order} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	if len(values) == 0 {
		return path.APIKeys
	}
	return path.APIKeys + "?" + values.Encode()
}

// IsFiltered reports whether q leaves any key out on purpose.
func (q Query) IsFiltered() bool {
	return q.Search != "" || q.State != "" || q.Scope != "" || q.Review != ""
}

// ListPage is what the list shows.
type ListPage struct {
	Query Query
	List  models.APIKeyList
	Usage map[string]models.UsageTotal // of the last UsageDays, by the id of the key
	// OldKeys are the ids of the keys that are being rotated, by those of their successors.
	OldKeys map[string]string
	Env     token.Environment
	// Evidence is why each key is found, with a finding, by the keys' ids.
	Evidence map[string]models.Evidence
}

// Pages is the number of pages, at least one.
func (p ListPage) Pages() int {
	return max(1, int((p.List.Matching+PageSize-1)/PageSize))
}

// HasAnyKey reports whether the workspace ever had a key.
func (p ListPage) HasAnyKey() bool {
	for _, n := range p.List.Counts {
		if n > 0 {
			return true
		}
	}
	return false
}

// The choices of an expiry in an Access.
const (
	ExpiryNever = "never"
	ExpiryDate  = "date" // with Access.ExpiryDate
	ExpiryKeep  = "keep" // as the key has it
)

// ExpiryDays are the other choices, in days.
var ExpiryDays = []int{30, 90, 365}

// DefaultExpiry is chosen in a new form: long enough to be no nuisance, and an end in sight.
const DefaultExpiry = "90"

// The presets of scopes in an Access.
const (
	PresetNone       = "none"
	PresetReadOnly   = "read_only"
	PresetEverything = "everything"
	PresetCopy       = "copy" // with Form.CopyFrom
)

// Access is the part of a form that says what a key may do, and how long: what was chosen and
// what is wrong with it.
type Access struct {
	Scopes     []string `form:"scopes"`
	Expiry     string   `form:"expiry"` // a number of days, ExpiryNever, ExpiryDate or ExpiryKeep
	ExpiryDate string   `form:"expiry_date"`
	Preset     string   `form:"preset"` // sent by a preset's button

	Errors models.Fields `form:"-"` // of the whole form
}

// Chosen is the set of the scopes that are ticked; words that are no scopes are left out.
func (a Access) Chosen() scope.Set {
	var set scope.Set
	for _, word := range a.Scopes {
		if s, known := scope.Parse(word); known {
			set |= scope.Of(s)
		}
	}
	return set
}

// Form asks for a key. Its presets go to the address of the empty form.
type Form struct {
	FormID   string `form:"form_id"`
	Name     string `form:"name"`
	CopyFrom string `form:"copy_from"` // id of a key, with PresetCopy
	Access

	Existing []models.APIKey `form:"-"` // keys to copy scopes from
}

// AccessForm asks for other access for a key.
type AccessForm struct {
	Before string `form:"scopes_before"` // the words of the scopes that the key had when the form was drawn
	Access
}

// AccessPage changes what a key may do.
type AccessPage struct {
	Key      *models.APIKey
	Form     AccessForm
	InUse    bool
	Outdated bool          // somebody else has changed the scopes since the form was drawn
	Routes   []Route       // all that there are
	Takes    time.Duration // at most, until a change is in force
}

// CreatedPage shows a new key, once.
type CreatedPage struct {
	Key    *models.APIKey
	Secret string
}

// Route is something that a scope opens in the API.
type Route struct {
	Method, Path, Summary string
	Name                  string // as the last use of a key tells it, such as "GET /me"
	Scope                 string // empty if a key needs none
}

// DetailPage is everything known about a key.
type DetailPage struct {
	Key     *models.APIKey
	Routes  []Route // that the key's scopes open
	Usage   UsageSummary
	History []models.AuditEvent
	Lineage []models.APIKey // the oldest first, with the key itself
	// LineageUse is how many requests came with each of them in the last 30 days, by id.
	LineageUse map[string]int64
	Name       string        // in the rename form
	Errors     models.Fields // of the rename form
}

// DeletePage asks before a key is deleted.
type DeletePage struct {
	Key         *models.APIKey
	InUse       bool // the name is asked for
	ConfirmName string
	Takes       time.Duration // at most, until the deletion is in force
	Errors      models.Fields
}
