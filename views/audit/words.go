package audit

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// action is something that the audit log tells of.
type action struct {
	Name  string // as it is stored
	Label string // in the list to choose from
	deed  string // after the name of who did it; %s is the thing that it was done to
}

// group is the actions on one kind of thing.
type group struct {
	Label   string
	Actions []action
}

// groups are all actions. A test sees that none is forgotten.
var groups = []group{
	{"API keys", []action{
		{"api_key.created", "Key created", "created %s"},
		{"api_key.renamed", "Key renamed", "renamed %s"},
		{"api_key.access_changed", "Access changed", "changed what %s may do"},
		{"api_key.rotated", "Key rotated", "rotated %s"},
		{"api_key.rotation_abandoned", "Rotation abandoned", "abandoned the rotation of %s"},
		{"api_key.paused", "Key paused", "paused %s"},
		{"api_key.resumed", "Key resumed", "resumed %s"},
		{"api_key.found_leaked", "Key found leaked", "found %s in a leak check"},
		{"api_key.leak_checked", "Leak check with hits", "checked a text for leaked keys of %s"},
		{"api_key.deleted", "Key deleted", "deleted %s"},
		{"api_key.deletion_in_force", "Deletion in force", "saw the deletion of %s in force on every node"},
	}},
	{"Members", []action{
		{"member.added", "Member added", "added %s"},
		{"member.invited", "Member invited", "invited %s"},
		{"member.joined", "Member joined", "accepted the invitation of %s"},
		{"member.role_changed", "Role changed", "changed the role of %s"},
		{"member.deactivated", "Member deactivated", "deactivated %s"},
		{"member.reactivated", "Member reactivated", "reactivated %s"},
		{"seat.assigned", "Seat assigned", "gave a seat to %s"},
		{"seat.released", "Seat released", "took the seat of %s"},
	}},
	{"Signing in", []action{
		{"user.signed_in", "Signed in", "signed in"},
		{"user.sign_in_failed", "Sign-in failed", "failed to sign in as %s"},
		{"user.signed_out", "Signed out", "signed out"},
		{"user.signed_out_everywhere", "Signed out everywhere", "signed out everywhere"},
		{"user.password_changed", "Password changed", "changed the password of %s"},
	}},
	{"Webhooks", []action{
		{"webhook_endpoint.created", "Endpoint created", "created %s"},
		{"webhook_endpoint.updated", "Endpoint changed", "changed %s"},
		{"webhook_endpoint.enabled", "Endpoint enabled", "enabled %s"},
		{"webhook_endpoint.disabled", "Endpoint disabled", "disabled %s"},
		{"webhook_endpoint.secret_rotated", "Secret rotated", "rotated the secret of %s"},
		{"webhook_endpoint.deleted", "Endpoint deleted", "deleted %s"},
	}},
	{"Workspace", []action{
		{"workspace.created", "Workspace created", "created %s"},
		{"workspace.seat_capacity_changed", "Seats changed", "changed the number of seats of %s"},
		{"lease.set", "Lease set", "set %s"},
	}},
}

// deedOf is what event did, before and after the thing that it was done to. Without a thing all
// of it is before.
func deedOf(event models.AuditEvent) (before, after string, hasTarget bool) {
	for _, group := range groups {
		for _, action := range group.Actions {
			if action.Name == event.Action {
				before, after, hasTarget = strings.Cut(action.deed, "%s")
				return strings.TrimSpace(before), strings.TrimSpace(after), hasTarget
			}
		}
	}
	return event.Action, "", true
}

// kinds are what things are called before their name.
var kinds = map[string]string{
	"api_key":          "the API key",
	"member":           "the member",
	"seat":             "the member",
	"user":             "the user",
	"webhook_endpoint": "the webhook endpoint",
	"workspace":        "the workspace",
	"lease":            "the lease",
}

// kindOf is what the thing of event is called before its name.
func kindOf(event models.AuditEvent) string {
	if kind, known := kinds[event.TargetType]; known {
		return kind
	}
	return strings.ReplaceAll(event.TargetType, "_", " ")
}

// sentence is event in words, for where there is no markup.
func sentence(event models.AuditEvent) string {
	before, after, hasTarget := deedOf(event)
	if !hasTarget {
		return before
	}
	words := []string{before, kindOf(event)}
	if event.TargetName != "" && event.TargetName != event.TargetType {
		words = append(words, event.TargetName)
	}
	if after != "" {
		words = append(words, after)
	}
	return strings.Join(words, " ")
}

// detail is one of the details of an event.
type detail struct{ Label, Value string }

// detailLabels are what details are called, those of one action first.
var detailLabels = map[string]string{
	"api_key.renamed/from":            "Name before",
	"api_key.found_leaked/times":      "Times found",
	"api_key.leak_checked/keys":       "Keys found",
	"api_key.leak_checked/other_keys": "Unknown keys",
	"by":                              "Sent by",
	"committed_at":                    "Committed",
	"events":                          "Events",
	"expires_at":                      "Expiry",
	"expires_at_before":               "Expiry before",
	"from":                            "Before",
	"in_force_at":                     "In force",
	"key_prefix":                      "Key",
	"last_used_address":               "From",
	"last_used_at":                    "Last accepted",
	"last_used_route":                 "For",
	"lease":                           "Lease",
	"member_id":                       "Member",
	"reason":                          "Reason",
	"role":                            "Role",
	"rotated_from":                    "Takes the place of",
	"scopes":                          "Scopes",
	"scopes_added":                    "Added",
	"scopes_removed":                  "Removed",
	"successor_id":                    "Successor",
	"to":                              "After",
	"took_ms":                         "Took, in ms",
}

func detailsOf(event models.AuditEvent) []detail {
	var details []detail
	for _, name := range slices.Sorted(maps.Keys(event.Details)) {
		label := detailLabels[event.Action+"/"+name]
		if label == "" {
			label = detailLabels[name]
		}
		if label == "" {
			label = sentenceCase(name)
		}
		value := event.Details[name]
		if value == "" {
			value = "None"
		}
		details = append(details, detail{label, value})
	}
	return details
}

// sentenceCase makes words of a name: "paused_until" is "Paused until".
func sentenceCase(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// ActorName is who did what event tells of.
func ActorName(event models.AuditEvent) string {
	if event.ActorName == "" {
		return "Somebody"
	}
	return event.ActorName
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// beside is what stands beside the details of an event: where it came from.
func beside(event models.AuditEvent) string {
	switch {
	case event.Address == "" && event.UserAgent == "":
		return ""
	case event.Address == "":
		return ui.Device(event.UserAgent)
	case event.UserAgent == "":
		return "from " + event.Address
	}
	return "from " + event.Address + " by " + ui.Device(event.UserAgent)
}

func hashOf(event models.AuditEvent) string { return hex.EncodeToString(event.Hash) }

func datesComplaint(errors models.Fields) string {
	if message := errors["from"]; message != "" {
		return ui.Complaint("The first day", message)
	}
	return ui.Complaint("The last day", errors["to"])
}
