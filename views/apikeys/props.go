// Package apikeys renders the pages under Settings > API keys.
package apikeys

import (
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/views/allowlist"
	"github.com/skipup/keys/views/ui"
)

// ListPage is a page of the list.
type ListPage struct {
	Query ui.ListQuery
	List  models.APIKeyList
	Usage map[string]usage.Total // of the last UsageDays, by key ID
	// OldKeys are the IDs of the keys that are being rotated, by the IDs of their replacements.
	OldKeys map[string]string
	// Environments are those in use, for the filter.
	Environments []string
	// Owners are those of the keys, and those for the filter.
	Owners models.KeyOwners
	// Evidence is why each key has the finding that the list is filtered by, by key ID.
	Evidence map[string]models.Evidence
	// UntrustedProxy is the IP address of a proxy that seems to be missing from the settings, or "".
	UntrustedProxy string
}

// Choices of the expiry in an Access.
const (
	ExpiryNever = "never"
	ExpiryDate  = "date" // with Access.ExpiryDate
	ExpiryKeep  = "keep" // keeps the expiry of the key
)

// ExpiryDays are the choices that are a number of days.
var ExpiryDays = []int{30, 90, 365}

// DefaultExpiry is selected in an empty form if the policy has no default.
const DefaultExpiry = "90"

// Presets of the scopes in an Access.
const (
	PresetNone       = "none"
	PresetReadOnly   = "read_only"
	PresetEverything = "everything"
	PresetSearch     = "search" // none; finds keys to copy scopes from
	PresetRateLimit  = "rate_limit"
)

// Access is the part of a form with the scopes and the expiry of a key.
type Access struct {
	Scopes     []string `form:"scopes"`
	Expiry     string   `form:"expiry"` // a number of days, ExpiryNever, ExpiryDate or ExpiryKeep
	ExpiryDate string   `form:"expiry_date"`
	RateLimit  string   `form:"rate_limit"` // requests per minute; empty for the server's limit
	Preset     string   `form:"preset"`     // value of the preset's button that was pressed

	Errors  models.Fields `form:"-"` // of the whole form
	Message string        `form:"-"` // an error that concerns no single field
}

// Selected returns the selected scopes, without unknown ones.
func (a Access) Selected(scopes *scope.Catalog) scope.Set {
	var set scope.Set
	for _, name := range a.Scopes {
		if s, known := scopes.Parse(name); known {
			set = set.With(scope.Of(s))
		}
	}
	return set
}

// CopyResults limits the keys that a search for keys to copy scopes from shows.
const CopyResults = 5

// Form is the form that creates a key. Its presets are sent to the URL of the empty form.
type Form struct {
	FormID      string `form:"form_id"`
	Name        string `form:"name"`
	Description string `form:"description"`
	Environment string `form:"environment"`
	OwnerID     string `form:"owner_id"`
	CopyFrom    string `form:"copy_from"` // id of the key whose button was pressed
	// CopySearch is the search for keys to copy scopes from, and CopySearched the one that was answered.
	CopySearch   string `form:"copy_search"`
	CopySearched string `form:"copy_searched"`
	allowlist.Allowlist
	Access

	Owner        *models.Member      `form:"-"` // of the key that this one is like; may be nil
	Found        models.APIKeyList   `form:"-"` // keys to copy scopes from
	Environments []string            `form:"-"` // in use
	People       models.OwnerChoices `form:"-"`
	ServerLimit  int                 `form:"-"` // requests per minute of keys without a limit of their own; 0 for none
	Warnings     allowlist.Warnings  `form:"-"`
}

// AccessForm is the form that changes the access of a key.
type AccessForm struct {
	allowlist.Allowlist
	Before string `form:"access_before"` // VersionOf the key when the form was rendered
	Access
}

// AccessPage is the form and what it is based on.
type AccessPage struct {
	Key         *models.APIKey
	Form        AccessForm
	InUse       bool
	Outdated    bool               // the access has changed since the form was rendered
	Routes      []Route            // of the whole API
	Busiest     models.BusiestHour // of the last UsageDays
	ServerLimit int                // requests per minute of keys without a limit of their own; 0 for none
	ChangeTime  time.Duration      // longest time until a change takes effect
	Seen        []models.SeenAddress
	Left        int // addresses seen that there was no room for
	Warnings    allowlist.Warnings
}

// CreatedPage shows a new key once.
type CreatedPage struct {
	Key    *models.APIKey
	Secret string
}

// DetailsForm is the form that edits what only matters to people of a key.
type DetailsForm struct {
	Name        string `form:"name"`
	Description string `form:"description"`
	Environment string `form:"environment"`
	OwnerID     string `form:"owner_id"`
	OwnerBefore string `form:"owner_before"` // ID of the owner when the page was made; may be empty

	NotifyNewCallers bool `form:"notify_new_callers"`
}

// Route is an endpoint of the API.
type Route struct {
	Method, Path, Summary string
	Name                  string    // as in APIKey.LastUsedRoute, such as "GET /me"
	Scopes                scope.Set // all of them are needed
}

// DetailPage is the page of a key.
type DetailPage struct {
	WaitingFor      []string // names of the nodes that haven't confirmed the deletion yet
	Key             *models.APIKey
	Routes          []Route // that the key's scopes allow
	Usage           KeyUsage
	History         []models.AuditEvent
	RotationHistory []models.APIKey // oldest first, including the key
	// RotationUse counts the requests of each of them in the last 30 days, by ID.
	RotationUse  map[string]int64
	Descendants  []models.APIKey      // created by the key, directly or through other keys
	Outside      []models.SeenAddress // of the last 30 days, that an allowlist that only reports doesn't have
	ServerLimit  int                  // requests per minute of keys without a limit of their own; 0 for none
	Rejected     int64                // requests rejected since the key was paused
	Form         DetailsForm
	Environments []string // in use
	Owners       models.KeyOwners
	People       models.OwnerChoices
	Errors       models.Fields // of that form
	Message      string        // an error that concerns no single field
}

// CancelDeletionPage asks whether a key whose deletion is canceled stays paused.
type CancelDeletionPage struct {
	Key        *models.APIKey
	Rejected   int64         // requests rejected since the key was paused
	ChangeTime time.Duration // longest time until the change takes effect
	Message    string
}

// DeletePage asks for confirmation before a key is deleted.
type DeletePage struct {
	Key         *models.APIKey
	Traffic     models.Traffic
	Descendants []models.APIKey // created by the key
	Challenge   models.Challenge
	Entered     models.Confirmation
	ChangeTime  time.Duration // longest time until the deletion takes effect
	Errors      models.Fields
	Message     string // an error that concerns no single field
}
