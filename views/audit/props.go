// Package audit renders Settings > Audit log, and describes audit events on other pages.
package audit

import (
	"net/url"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is the number of events on a page.
const PageSize = 50

// Query holds the filters and the page of the log.
type Query struct {
	Actor  string `query:"actor"`
	Action string `query:"action"`
	Target string `query:"target"`
	From   string `query:"from"` // a date in the viewer's time zone, such as 2026-11-25
	To     string `query:"to"`   // the same, inclusive
	Cursor string `query:"cursor"`
}

// URL returns the URL of the log with q applied.
func (q Query) URL(in path.Workspace) string { return q.at(in.AuditLog()) }

func (q Query) at(base string) string {
	values := url.Values{}
	for name, value := range map[string]string{
		"actor": q.Actor, "action": q.Action, "target": q.Target, "from": q.From, "to": q.To, "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return base
	}
	return base + "?" + values.Encode()
}

// first returns q at its first page.
func (q Query) first() Query {
	q.Cursor = ""
	return q
}

func (q Query) after(in path.Workspace, cursor string) string {
	q.Cursor = cursor
	return q.URL(in)
}

func (q Query) csv(in path.Workspace) string { return q.first().at(in.AuditLogCSV()) }

// ofActor returns the URL of the events with the same actor as event, and ofTarget of those with the
// same target.
func ofActor(in path.Workspace, event models.AuditEvent) string {
	actor := string(event.ActorType)
	if event.ActorID != nil {
		actor = *event.ActorID
	}
	return Query{Actor: actor}.URL(in)
}

func ofTarget(in path.Workspace, event models.AuditEvent) string {
	return Query{Target: event.TargetID}.URL(in)
}

// Page is the data of the log.
type Page struct {
	Query  Query
	Events models.Paged[models.AuditEvent]
	Errors models.Fields // of the dates
	Total  int64         // events in the chain of the workspace
	Head   string        // the hash of the latest of them
}

// summary returns what screen readers announce when the list changes.
func (p Page) summary() string {
	if len(p.Events.Items) == 0 {
		return "No events match"
	}
	shown := ui.Plural(int64(len(p.Events.Items)), "event") + ", newest first"
	if p.Events.NextCursor != "" {
		return shown + ", more on the next page"
	}
	return shown
}
