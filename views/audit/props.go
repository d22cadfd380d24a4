// Package audit draws Settings > Audit log, and puts audit events into words wherever they are
// shown.
package audit

import (
	"net/url"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// PageSize is how many events the log shows at once.
const PageSize = 50

// Query is what the address of the log asks for.
type Query struct {
	Actor  string `query:"actor"`
	Action string `query:"action"`
	Target string `query:"target"`
	From   string `query:"from"` // a date where the viewer is, such as 2026-11-25
	To     string `query:"to"`   // the same, inclusive
	Cursor string `query:"cursor"`
}

// Address is the log as q asks for it.
func (q Query) Address() string { return q.at(path.AuditLog) }

func (q Query) at(address string) string {
	values := url.Values{}
	for name, value := range map[string]string{
		"actor": q.Actor, "action": q.Action, "target": q.Target, "from": q.From, "to": q.To, "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return address
	}
	return address + "?" + values.Encode()
}

// first is the first page of q.
func (q Query) first() Query {
	q.Cursor = ""
	return q
}

func (q Query) after(cursor string) string {
	q.Cursor = cursor
	return q.Address()
}

func (q Query) csv() string { return q.first().at(path.AuditLogCSV) }

// ofActor is every event of who did event, and ofTarget every event about the same thing.
func ofActor(event models.AuditEvent) string {
	actor := string(event.ActorType)
	if event.ActorID != nil {
		actor = *event.ActorID
	}
	return Query{Actor: actor}.Address()
}

func ofTarget(event models.AuditEvent) string { return Query{Target: event.TargetID}.Address() }

// Actor is somebody whose events can be chosen.
type Actor struct{ ID, Name string }

// Page is what the log shows.
type Page struct {
	Query  Query
	Events models.Paged[models.AuditEvent]
	Actors []Actor       // to choose from
	Errors models.Fields // of the dates
	Total  int64         // events in the chain of the workspace
	Head   string        // the hash of the last of them
}

// summary says how many events are shown, for assistive technology after each change.
func (p Page) summary() string {
	if len(p.Events.Items) == 0 {
		return "No events match"
	}
	shown := ui.Plural(int64(len(p.Events.Items)), "event") + ", newest first"
	if p.Events.NextCursor != "" {
		return shown + ", older ones on the next page"
	}
	return shown
}
