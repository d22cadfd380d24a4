// Package search renders the results of a search for everything, and the commands that it finds.
package search

import (
	"context"
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/apikeys"
	"github.com/skipup/keys/views/audit"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// Page is a search and what it found.
type Page struct {
	Text  string // without API keys
	Found models.FoundItems
	InBox bool // the results are the options of the search box
}

// group is the results of one kind.
type group struct {
	Label string
	Items []item
}

// item is a result: what it opens, and what else can be done with it.
type item struct {
	Icon, Name, Detail string
	Code               string
	Status             templ.Component // may be nil
	Opens              ui.Action
	Actions            []ui.Action
}

// groups returns the results with at least one item.
func (p Page) groups(ctx context.Context) []group {
	v, in := viewer.Of(ctx), path.In(ctx)
	all := []group{
		{"API keys", p.keys(v, in)}, {"Scopes", p.scopes(in)}, {"Members", p.members(in)}, {"Webhook endpoints", p.endpoints(v, in)},
		{"Webhook deliveries", p.deliveries(in)}, {"Audit log", p.events(in)},
	}
	var groups []group
	for _, g := range append(all, commands(v, p.Text)...) {
		if len(g.Items) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// summary returns the number of results, for screen readers.
func (p Page) summary(groups []group) string {
	n := 0
	for _, g := range groups {
		n += len(g.Items)
	}
	switch {
	case n == 0:
		return "No results"
	case p.Found.More:
		return ui.Plural(int64(n), "result") + ". More keys match."
	}
	return ui.Plural(int64(n), "result")
}

func (p Page) keys(v viewer.Viewer, in path.Workspace) []item {
	var items []item
	for i := range p.Found.APIKeys {
		key := &p.Found.APIKeys[i]
		items = append(items, item{
			Icon: "key-round", Name: key.Name, Code: key.KeyPrefix, Detail: detailOf(key, v),
			Status: ui.StateBadge(key.StatusAt(v.Now)),
			Opens:  ui.Action{URL: in.APIKey(key.ID)}, Actions: apikeys.Actions(&key.APIKey, v),
		})
	}
	return items
}

// detailOf returns why or by whom a key was last used.
func detailOf(key *models.FoundAPIKey, v viewer.Viewer) string {
	switch {
	case key.Caller != nil:
		return fmt.Sprintf("Used from %s by %s, last %s", key.Caller.Address, ui.Device(key.Caller.UserAgent), ui.Relative(key.Caller.LastSeenAt, v.Now))
	case key.Allows != "":
		return "Allowlist has " + key.Allows
	case key.Owner != nil:
		return "Owned by " + ui.Isolate(ui.OwnerLabel(key.Owner))
	case key.DeletedAt != nil:
		return "Deleted by " + ui.Isolate(key.DeletedByName) + " " + ui.Relative(*key.DeletedAt, v.Now)
	case key.LastUsedAt != nil:
		return "Last used " + ui.Relative(*key.LastUsedAt, v.Now)
	}
	return "Never used"
}

func (p Page) scopes(in path.Workspace) []item {
	var items []item
	for _, s := range p.Found.Scopes {
		list := ui.NewListQuery(in.APIKeys()).With(apikeys.ByScope, s.Name)
		items = append(items, item{Icon: "list-filter", Name: "Keys with " + s.Name, Detail: s.Help, Opens: ui.Action{URL: list.URL()}})
	}
	return items
}

func (p Page) members(in path.Workspace) []item {
	var items []item
	for _, m := range p.Found.Members {
		found := item{
			Icon: "users-round", Name: m.DisplayName(), Opens: ui.Action{URL: in.Member(m.ID), Dialog: true},
			Actions: []ui.Action{{Label: "API keys", URL: in.APIKeysOf(m.ID)}, {Label: "Copy ID", Copy: m.ID}},
		}
		if m.Name() != "" {
			found.Detail = m.User.Email
		}
		if m.DeactivatedAt != nil {
			found.Detail = strings.TrimPrefix(found.Detail+", deactivated", ", ")
		}
		items = append(items, found)
	}
	return items
}

func (p Page) endpoints(v viewer.Viewer, in path.Workspace) []item {
	var items []item
	for _, e := range p.Found.Endpoints {
		found := item{
			Icon: "webhook", Name: e.Host(), Opens: ui.Action{URL: in.Webhook(e.ID)},
			Actions: []ui.Action{{Label: "Copy ID", Copy: e.ID}},
		}
		if v.May(models.ManageWebhooks) {
			found.Name, found.Actions = e.URL, append([]ui.Action{{Label: "Edit", URL: in.WebhookEdit(e.ID), Dialog: true}}, found.Actions...)
		}
		if e.Description != nil {
			found.Detail = *e.Description
		}
		items = append(items, found)
	}
	return items
}

func (p Page) deliveries(in path.Workspace) []item {
	var items []item
	for _, d := range p.Found.Deliveries {
		items = append(items, item{Icon: "send", Name: "Delivery of " + string(d.EventType), Code: d.ID, Opens: ui.Action{URL: in.WebhookDelivery(d.EndpointID, d.ID)}})
	}
	return items
}

func (p Page) events(in path.Workspace) []item {
	var items []item
	for _, e := range p.Found.Events {
		items = append(items, item{Icon: "scroll-text", Name: audit.Sentence(e), Code: e.ID, Opens: ui.Action{URL: audit.Query{Target: e.TargetID}.URL(in)}})
	}
	return items
}
