package models

import (
	"context"
	"strings"

	"github.com/skipup/keys/models/scope"
)

// AuditScopes are the scopes that a key needs to read the audit log. Its events are about all resources,
// so a key must be able to read each of them.
var AuditScopes = scope.ReadOnly

// ReadScopes returns the scopes that a key needs to read what events of the type contain, and whether
// the type is known. A ping contains nothing that needs a scope.
func (t EventType) ReadScopes() (scope.Set, bool) {
	if t == AuditLogEvent {
		return AuditScopes, true
	}
	resource, _, _ := strings.Cut(string(t), ".")
	needed, known := scope.Builtin.Parse(resource + "s.read")
	if !known {
		return scope.Set{}, false
	}
	return scope.Of(needed), true
}

// ReadScopes returns the scopes that a key needs to read what the events contain. It returns false if
// a type is unknown.
func (l EventList) ReadScopes() (needed scope.Set, known bool) {
	for _, t := range l {
		scopes, known := t.ReadScopes()
		if !known {
			return needed, false
		}
		needed = needed.With(scopes)
	}
	return needed, true
}

// requireReadable returns Forbidden if an API key makes a change after which an endpoint is sent events
// that the key can't read. Otherwise, webhooks.write would give access to all data.
func (s *Store) requireReadable(ctx context.Context, events EventList) error {
	key, err := s.actingKey(ctx)
	if key == nil || err != nil {
		return err
	}
	needed, known := events.ReadScopes()
	switch missing := needed.Without(key.Scopes); {
	case !missing.IsEmpty():
		return Errorf(Forbidden, "This API key can't have events sent that it can't read. It lacks %s.", s.Scopes().Text(missing))
	case !known:
		return Errorf(Forbidden, "This endpoint receives events that this version doesn't know. Change it in the dashboard.")
	}
	return nil
}
