package apikeys

import (
	"net/url"
	"slices"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// AssignForm names keys and the member who is to own them.
type AssignForm struct {
	Keys    []string `form:"key"` // ids
	OwnerID string   `form:"owner_id"`

	Errors models.Fields `form:"-"`
}

// AssignPage asks who is to own keys.
type AssignPage struct {
	Form    AssignForm
	Keys    []models.APIKey
	Gone    int // selected keys that no longer exist
	Owners  models.KeyOwners
	People  models.OwnerChoices
	Message string // why an attempt changed nothing
}

// assignURL returns the URL of the form that gives all keys that q finds another owner.
func assignURL(in path.Workspace, q ui.ListQuery) string {
	return q.With().At(in.APIKeyOwner()).URL()
}

// assignURLOf returns the URL of the form that gives a key another owner.
func assignURLOf(in path.Workspace, id string) string {
	return in.APIKeyOwner() + "?" + url.Values{"key": {id}}.Encode()
}

func (p AssignPage) panel(in path.Workspace) ui.Panel {
	verb := "Assign " + keysIn(len(p.Keys))
	return ui.Panel{
		Title: verb, Lead: "The owner of a key is who to ask about it. What the key can do doesn’t change.", Message: p.Message,
		Up: in.APIKeys(), UpLabel: "API keys", Action: in.APIKeyOwner(), Cancel: in.APIKeys(), Submit: verb, Busy: "Assigning…",
	}
}

func (p AssignPage) field(v viewer.Viewer) ui.OwnerField {
	return ui.OwnerField{
		Select: ui.Select{
			Name: "owner_id", Label: "New owner", Value: ownerOrViewer(p.Form.OwnerID, p.People, v),
			Error: p.Form.Errors.Sentence("owner_id", "New owner"), Required: true,
		},
		People: p.People, Viewer: v.Member,
	}
}

// ownerOrViewer returns the ID of an owner who is among people, or else that of the viewer. If there are too many to
// choose from, it returns what was entered, if anything.
func ownerOrViewer(id string, people models.OwnerChoices, v viewer.Viewer) string {
	if v.Member == nil || people.TooMany && id != "" || slices.ContainsFunc(people.Members, func(m models.Member) bool { return m.ID == id }) {
		return id
	}
	return v.Member.ID
}

// ownerField selects the owner of a new key.
func (f Form) ownerField(v viewer.Viewer) ui.OwnerField {
	return ui.OwnerField{
		Select: ui.Select{
			Name: "owner_id", Label: "Owner", Value: ownerOrViewer(f.OwnerID, f.People, v), Help: ownerHelp, Error: f.Errors.Sentence("owner_id", "Owner"),
		},
		People: f.People, Viewer: v.Member, Owner: f.Owner,
	}
}

const ownerHelp = "Who to ask about the key. It doesn’t change what the key can do."

// ownerField selects the owner of a key. It keeps the current one, even if they can’t be chosen anymore.
func (p DetailPage) ownerField(v viewer.Viewer) ui.OwnerField {
	field := ui.OwnerField{
		Select: ui.Select{Name: "owner_id", Label: "Owner", Value: p.Form.OwnerID, Help: ownerHelp, Error: p.Errors.Sentence("owner_id", "Owner")},
		People: p.People, Viewer: v.Member, Owner: p.Owners.Of(p.Key),
	}
	if field.Owner == nil {
		field.Any = "No owner"
	}
	if field.Error != "" && strings.TrimSpace(field.Value) == "" {
		field.Error = "Enter the owner’s name or email."
	}
	return field
}

// ownerFilter filters the list by owner.
func (p ListPage) ownerFilter() ui.Select {
	filter := ui.Select{Name: ByOwner, Label: "Owner", Any: "Any owner", Value: p.Query.Get(ByOwner)}
	var left []ui.Option
	for _, id := range p.Owners.IDs {
		owner := p.Owners.ByID[id]
		option := ui.Option{Value: id, Label: ui.OwnerLabel(owner)}
		if owner.DeactivatedAt != nil {
			left = append(left, option)
			continue
		}
		filter.Options = append(filter.Options, option)
	}
	filter.Options = append(filter.Options, left...)
	if p.Owners.SomeUnset || filter.Value == models.NoOwner {
		filter.Options = append(filter.Options, ui.Option{Value: models.NoOwner, Label: "No owner"})
	}
	if filter.Value != "" && !slices.ContainsFunc(filter.Options, func(o ui.Option) bool { return o.Value == filter.Value }) {
		filter.Options = append(filter.Options, ui.Option{Value: filter.Value, Label: p.ownerName()})
	}
	return filter
}

// ownerName returns the label of the owner that the list is filtered by, or their ID.
func (p ListPage) ownerName() string {
	id := p.Query.Get(ByOwner)
	if owner := p.Owners.ByID[id]; owner != nil {
		return ui.OwnerLabel(owner)
	}
	if id == models.NoOwner {
		return "None"
	}
	return id
}
