// Package members draws the pages of Settings > Members.
package members

import (
	"net/url"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is how many members the list shows at once.
const PageSize = 50

// Query is what the address of the list asks for.
type Query struct {
	Search string `query:"q"`
	Role   string `query:"role"`
	State  string `query:"state"`
	Page   int    `query:"page"`
}

// Address is the list as q asks for it.
func (q Query) Address() string {
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

// ListPage is what the list shows.
type ListPage struct {
	Query Query
	List  models.MemberList
}

// Pages is the number of pages, at least one.
func (p ListPage) Pages() int {
	return max(1, int((p.List.Matching+PageSize-1)/PageSize))
}

// Form asks for a new member.
type Form struct {
	Email  string        `form:"email"`
	Name   string        `form:"name"`
	Role   string        `form:"role"`
	Errors models.Fields `form:"-"`
	Error  string        `form:"-"` // a refusal of the whole, a sentence
	Mails  bool          `form:"-"` // invitations are mailed
}

// InvitedPage shows the link for a pending member, once.
type InvitedPage struct {
	Member    *models.Member
	Link      string
	ExpiresAt time.Time
}

// ShowPage is where a member is looked after.
type ShowPage struct {
	Member *models.ListedMember
	Role   string // chosen in the form
	Error  string // a refusal, a sentence
	Mails  bool   // invitations are mailed
	Self   bool   // the member is who looks
}

// DeactivatePage asks before a member is deactivated.
type DeactivatePage struct {
	Member *models.ListedMember
	Error  string // a refusal, a sentence
	Self   bool   // the member is who looks
}

// tab is one of the states that the list can be narrowed to.
type tab struct {
	State   models.MemberState // empty for all but the deactivated
	Label   string
	Members int64
}

func (p ListPage) tabs() []tab {
	counts := p.List.Counts
	return []tab{
		{"", "Current", counts.Active},
		{models.MemberActive, "Active", counts.Active - counts.Pending},
		{models.MemberPending, "Pending", counts.Pending},
		{models.MemberDeactivated, "Deactivated", counts.Deactivated},
	}
}

func (q Query) inState(state models.MemberState) Query {
	q.State, q.Page = string(state), 0
	return q
}

func (q Query) onPage(page int) string {
	q.Page = page
	return q.Address()
}

// pages is where the list is on its pages.
func (p ListPage) pages() ui.Pages {
	page := min(max(1, p.Query.Page), p.Pages())
	from := int64((page-1)*PageSize) + 1
	return ui.Pages{
		Page: page, Last: p.Pages(), From: from, To: from + int64(len(p.List.Members)) - 1, Total: p.List.Matching, Address: p.Query.onPage,
	}
}

// summary says how many members are shown, for assistive technology after each change.
func (p ListPage) summary() string {
	if p.List.Matching == 0 {
		return "No members match"
	}
	return ui.Plural(p.List.Matching, "member")
}

// roleChoice is a role with what it means.
type roleChoice struct {
	Role        models.Role
	Label, Help string
}

var roleChoices = []roleChoice{
	{models.RoleMember, "Member", "Sees their own account, nothing of the workspace’s keys."},
	{models.Admin, "Admin", "Manages keys, members and seats."},
}

func roleLabel(role models.Role) string {
	for _, choice := range roleChoices {
		if choice.Role == role {
			return choice.Label
		}
	}
	return string(role)
}

// stateOf is the word for a state, and its tone.
func stateOf(state models.MemberState) (label, tone string) {
	switch state {
	case models.MemberActive:
		return "Active", "success"
	case models.MemberPending:
		return "Pending", "warning"
	}
	return "Deactivated", "none"
}
