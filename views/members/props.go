// Package members renders the pages of Settings > Members.
package members

import (
	"fmt"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// Filters lists the parameters of the list besides the search and the page.
var Filters = []string{"role", "status"}

// ListPage is the data of the list.
type ListPage struct {
	Query ui.ListQuery
	List  models.MemberList
}

// Pages returns the position of the list.
func (p ListPage) Pages() ui.Pages {
	return ui.PagesOf(p.Query, p.List.Matching, len(p.List.Members))
}

func (p ListPage) list() ui.List {
	return ui.List{
		ID: "members", Label: "Members", Query: p.Query, Summary: p.summary(), Search: "Search by name or email",
		Filters: []ui.Select{{Name: "role", Label: "Role", Value: p.Query.Get("role"), Any: "Any role", Options: roleOptions()}},
		Tabs:    p.tabs(), TabsLabel: "Status", Pages: p.Pages(), Empty: empty(p),
	}
}

func (p ListPage) tabs() []ui.Tab {
	counts := p.List.Counts
	tab := func(label string, status models.MemberState, count int64) ui.Tab {
		return ui.Tab{Label: label, Count: count, Query: p.Query.With("status", string(status)), Parameter: "status", Value: string(status)}
	}
	return []ui.Tab{
		tab("All", "", counts.Active), // except deactivated members
		tab("Active", models.MemberActive, counts.Active-counts.Pending),
		tab("Pending", models.MemberPending, counts.Pending),
		tab("Deactivated", models.MemberDeactivated, counts.Deactivated),
	}
}

func (p ListPage) status() models.MemberState { return models.MemberState(p.Query.Get("status")) }

// isFiltered reports whether the list is filtered by more than a status that can be empty.
func (p ListPage) isFiltered() bool {
	return p.Query.Search() != "" || p.Query.Get("role") != "" || p.status() != models.MemberPending && p.status() != models.MemberDeactivated
}

// Form holds the values and errors of the form for inviting a member.
type Form struct {
	Email      string        `form:"email"`
	Name       string        `form:"name"`
	Role       string        `form:"role"`
	Errors     models.Fields `form:"-"`
	Message    string        `form:"-"` // an error that concerns no single field
	SendsEmail bool          `form:"-"` // whether the server sends email
}

// LinkPage is the data of a page that shows a link for a member once.
type LinkPage struct {
	Member    *models.Member
	Link      string
	ExpiresAt time.Time
	Replaces  bool // whether it replaces an earlier link
}

// ShowPage is the data of a member's page.
type ShowPage struct {
	Member       *models.ListedMember
	Resets       bool             // whether the viewer may create a reset link
	Sessions     []models.Session // that the viewer may end
	SecondFactor bool             // whether the member has one that the viewer may remove
	Keys         int              // number of keys that the member owns
	Role         string           // selected in the form
	Errors       models.Fields
	Message      string // why the last action was rejected, if it was
	SendsEmail   bool   // whether the server sends email
	Self         bool   // whether the member is the viewer
}

// DeactivatePage is the data of the confirmation page.
type DeactivatePage struct {
	Member     *models.ListedMember
	Owned      []models.APIKey // that the member owns
	People     models.OwnerChoices
	NewOwnerID string          // selected or entered
	Created    []models.APIKey // that the member created and that can still be used
	PauseKeys  bool            // whether pausing them is selected
	Errors     models.Fields
	Message    string // why the member wasn't deactivated, if an attempt was rejected
	Self       bool   // whether the member is the viewer
}

func (p DeactivatePage) newOwner(viewer *models.Member) ui.NewOwner {
	return ui.NewOwner{
		Member: &p.Member.Member, Keys: len(p.Owned), People: p.People, Viewer: viewer, Value: p.NewOwnerID, Error: p.Errors.Sentence("owner_id", "New owner"),
	}
}

func (p DeactivatePage) pauseKeys() ui.Check {
	return ui.Check{
		Name: "pause_keys", Value: "true", Checked: p.PauseKeys,
		Label: fmt.Sprintf("Pause %s for %d days", ui.Plural(int64(len(p.Created)), "key"), int(models.MaxPause.Hours()/24)),
		Help:  "Requests will return 401 everywhere. You can resume each key at any time.",
	}
}

// summary returns what screen readers announce when the list changes.
func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No members match"
	}
	return ui.Plural(p.List.Matching, "member")
}

var roleChoices = []ui.Choice{
	{Value: string(models.Viewer), Label: ui.RoleLabel(models.Viewer), Help: "Can view everything except secrets, but can’t change anything."},
	{Value: string(models.KeyManager), Label: ui.RoleLabel(models.KeyManager), Help: "Can also manage API keys and webhooks."},
	{Value: string(models.Admin), Label: ui.RoleLabel(models.Admin), Help: "Can also manage members, seats, and the policy."},
}

func roleOptions() []ui.Option {
	var options []ui.Option
	for _, choice := range roleChoices {
		options = append(options, ui.Option{Value: choice.Value, Label: choice.Label})
	}
	return options
}

// statusOf returns the label of a state and the tone of its badge.
func statusOf(state models.MemberState) (label, tone string) {
	switch state {
	case models.MemberActive:
		return "Active", "success"
	case models.MemberPending:
		return "Pending", "warning"
	}
	return "Deactivated", "none"
}

// DetailsForm holds the values and errors of the form for the details of a pending member.
type DetailsForm struct {
	Email      string               `form:"email"`
	Name       string               `form:"name"`
	Member     *models.ListedMember `form:"-"`
	SendsEmail bool                 `form:"-"` // whether the server sends email
	Errors     models.Fields        `form:"-"`
	Message    string               `form:"-"` // an error that concerns no single field
}

func (f DetailsForm) emailHelp() string {
	if f.SendsEmail {
		return "If you change it, we’ll send an invitation to the new email, and the previous link stops working."
	}
	return "If you change it, you’ll get a new link to share, and the previous link stops working."
}
