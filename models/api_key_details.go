package models

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/skipup/keys/models/token"
)

// maxKeyDescription is the longest description of a key, in characters.
const maxKeyDescription = 500

func checkKeyDescription(fields Fields, description string) {
	if token.Occurs(description) {
		fields.add("description", "must not contain an API key. If that key is active, rotate it")
	}
	checkText(fields, "description", description, maxKeyDescription)
}

// Environments are the usual environments of keys. Others can be used, too.
var Environments = []string{"production", "staging", "development"}

// maxEnvironment is the longest environment of a key, in characters.
const maxEnvironment = 40

// checkEnvironment adds an error unless value is empty or can be an environment, and returns it as it is
// stored, in lower case.
func checkEnvironment(fields Fields, value string) string {
	if strings.TrimSpace(value) == "" {
		return ""
	}
	name := checkName(fields, "environment", value)
	if length := utf8.RuneCountInString(name); length > maxEnvironment && fields["environment"] == "" {
		fields.add("environment", "must be %d characters or fewer (you have %d)", maxEnvironment, length)
	}
	return strings.ToLower(name)
}

// keyDetails are the parts of a key that only matter to people. The owner must have been checked.
type keyDetails struct {
	name, description, environment, ownerID string
	notifyNewCallers                        bool
}

func (k *APIKey) details() keyDetails {
	return keyDetails{k.Name, k.Description, k.Environment, k.ownerID(), k.NotifiesOfNewCallers()}
}

// check checks the details that replace before, and normalizes them. A name that stays the same may be from
// before a rule.
func (d *keyDetails) check(fields Fields, before keyDetails) {
	if d.name != before.name {
		d.name = checkName(fields, "name", d.name)
	}
	checkKeyDescription(fields, d.description)
	d.environment = checkEnvironment(fields, d.environment)
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// setDetails changes the details of a key, and records each change.
func (s *Store) setDetails(ctx context.Context, key *APIKey, details keyDetails) error {
	before := key.details()
	since := key.NewCallersSince
	if details.notifyNewCallers != before.notifyNewCallers {
		if since = nil; details.notifyNewCallers {
			since = new(s.now())
		}
		if err := s.forgetNewCallers(ctx, key.ID); err != nil {
			return err
		}
	}
	err := s.updateExisting(ctx, key, map[string]any{
		"name": details.name, "description": details.description, "environment": details.environment, "owner_id": optional(details.ownerID),
		"new_callers_since": since,
	})
	if err != nil {
		return err
	}
	key.NewCallersSince = since
	key.Name, key.Description, key.Environment, key.OwnerID, key.UpdatedAt = details.name, details.description, details.environment, optional(details.ownerID), s.now()
	for _, part := range []struct {
		action, from, to string
		details          map[string]string
	}{
		{"api_key.renamed", before.name, details.name, map[string]string{"from": before.name}},
		{"api_key.description_changed", before.description, details.description, map[string]string{"from": before.description, "to": details.description}},
		{"api_key.environment_changed", before.environment, details.environment, map[string]string{"from": before.environment, "to": details.environment}},
		{"api_key.new_caller_notifications_changed", onOrOff(before.notifyNewCallers), onOrOff(details.notifyNewCallers), map[string]string{"to": onOrOff(details.notifyNewCallers)}},
	} {
		if part.from == part.to {
			continue
		}
		if err := s.audit(ctx, key.WorkspaceID, part.action, key.target(), part.details); err != nil {
			return err
		}
	}
	if details.ownerID == before.ownerID {
		return nil
	}
	owners, err := s.ownersOf(ctx, key.WorkspaceID, []APIKey{{OwnerID: &before.ownerID}, {OwnerID: &details.ownerID}})
	if err != nil {
		return err
	}
	return s.auditOwner(ctx, key, owners[before.ownerID], owners[details.ownerID])
}
