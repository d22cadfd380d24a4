// Package members renders the pages of Settings > Members.
package members

import (
	"net/url"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is the number of members on a page.
const PageSize = 50

// Query holds the search, the filters and the page of the list.
type Query struct {
	Search string `query:"q"`
	Role   string `query:"role"`
	State  string `query:"state"`
	Page   int    `query:"page"`
}

// URL returns the URL of the list with q applied.
func (q Query) URL() string {
	values := url.Values{}
	for name, value := range map[string]string{"q": q.Search, "role": q.Role, "state": q.State} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	if len(values) == 0 {
		return path.Members
	}
	return path.Members + "?" + values.Encode()
}

// ListPage is the data of the list.
type ListPage struct {
	Query Query
	List  models.MemberList
}

// Pages returns the number of pages, at least 1.
func (p ListPage) Pages() int {
	return max(1, int((p.List.Matching+PageSize-1)/PageSize))
}

// Form holds the values and errors of the form for inviting a member.
type Form struct {
	Email   string        `form:"email"`
	Name    string        `form:"name"`
	Role    string        `form:"role"`
	Errors  models.Fields `form:"-"`
	Message string        `form:"-"` // an error that concerns no single field
	Mails   bool          `form:"-"` // whether the server sends email
}

// InvitedPage is the data of the page that shows an invite link.
type InvitedPage struct {
	Member    *models.Member
	Link      string
	ExpiresAt time.Time
	Replaces  bool // whether it replaces an earlier link
}

// ShowPage is the data of a member's page.
type ShowPage struct {
	Member  *models.ListedMember
	Role    string // selected in the form
	Message string // why the last action was rejected, if it was
	Mails   bool   // whether the server sends email
	Self    bool   // whether the member is the viewer
}

// DeactivatePage is the data of the confirmation page.
type DeactivatePage struct {
	Member  *models.ListedMember
	Message string // why the member wasn't deactivated, if an attempt was rejected
	Self    bool   // whether the member is the viewer
}

// tab is a status to filter the list by.
type tab struct {
	State   models.MemberState // empty for all except deactivated members
	Label   string
	Members int64
}

func (p ListPage) tabs() []tab {
	counts := p.List.Counts
	return []tab{
		{"", "All", counts.Active},
		{models.MemberActive, "Active", counts.Active - counts.Pending},
		{models.MemberPending, "Pending", counts.Pending},
		{models.MemberDeactivated, "Deactivated", counts.Deactivated},
	}
}

func (q Query) withState(state models.MemberState) Query {
	q.State, q.Page = string(state), 0
	return q
}

func (q Query) onPage(page int) string {
	q.Page = page
	return q.URL()
}

func (p ListPage) pages() ui.Pages {
	page := min(max(1, p.Query.Page), p.Pages())
	from := int64((page-1)*PageSize) + 1
	return ui.Pages{
		Page: page, Last: p.Pages(), From: from, To: from + int64(len(p.List.Members)) - 1, Total: p.List.Matching, Address: p.Query.onPage,
	}
}

// summary returns what screen readers announce when the list changes.
func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No members match"
	}
	return ui.Plural(p.List.Matching, "member")
}

// roleChoice is a role with its description.
type roleChoice struct {
	Role        models.Role
	Label, Help string
}

var roleChoices = []roleChoice{
	{models.RoleMember, "Member", "Can manage their own account. No access to API keys."},
	{models.Admin, "Admin", "Can manage API keys, members, seats and webhooks."},
}

// RoleWithArticle returns a role as it appears in a sentence.
func RoleWithArticle(role models.Role) string {
	if role == models.Admin {
		return "an admin"
	}
	return "a member"
}

func roleLabel(role models.Role) string {
	for _, choice := range roleChoices {
		if choice.Role == role {
			return choice.Label
		}
	}
	return string(role)
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
