package audit

import (
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// Placeholders in the sentences of actions.
const (
	actor  = "{actor}"
	target = "{target}"
)

// action is a kind of event.
type action struct {
	Name     string // as stored
	Label    string // in the filter
	sentence string // with the placeholders
}

// group is the actions on one kind of target.
type group struct {
	Label   string
	Actions []action
}

// groups lists every action.
var groups = []group{
	{"API keys", []action{
		{"api_key.created", "Key created", "{actor} created {target}"},
		{"api_key.renamed", "Key renamed", "{actor} renamed {target}"},
		{"api_key.description_changed", "Key description changed", "{actor} changed the description of {target}"},
		{"api_key.environment_changed", "Key environment changed", "{actor} changed the environment of {target}"},
		{"api_key.new_caller_notifications_changed", "Notifications about new callers changed", "{actor} changed the notifications about new callers of {target}"},
		{"api_key.owner_changed", "Key owner changed", "{actor} changed the owner of {target}"},
		{"api_key.access_changed", "Access changed", "{actor} changed access for {target}"},
		{"api_key.rotated", "Key rotated", "{actor} rotated {target}"},
		{"api_key.rotation_abandoned", "Rotation canceled", "{actor} canceled the rotation of {target}"},
		{"api_key.paused", "Key paused", "{actor} paused {target}"},
		{"api_key.resumed", "Key resumed", "{actor} resumed {target}"},
		{"api_key.found_leaked", "Leaked key found", "{actor} found {target} in a leak scan"},
		{"api_key.leak_checked", "Leak scan run", "{actor} ran a leak scan"},
		{"api_key.deletion_scheduled", "Deletion scheduled", "{actor} paused {target} and scheduled its deletion"},
		{"api_key.deletion_canceled", "Deletion canceled", "{actor} canceled the deletion of {target}"},
		{"api_key.deleted", "Key deleted", "{actor} deleted {target}"},
		{"api_key.deletion_in_force", "Deletion in effect", "Deletion of {target} took effect on all nodes"},
	}},
	{"Members", []action{
		{"member.added", "Member added", "{actor} added {target}"},
		{"member.invited", "Member invited", "{actor} invited {target}"},
		{"member.corrected", "Details corrected", "{actor} corrected the details of {target}"},
		{"member.joined", "Member joined", "{actor} accepted their invitation"},
		{"member.role_changed", "Role changed", "{actor} changed {target}’s role"},
		{"member.deactivated", "Member deactivated", "{actor} deactivated {target}"},
		{"member.left", "Member left", "{actor} left the workspace"},
		{"member.reactivated", "Member reactivated", "{actor} reactivated {target}"},
		{"member.invitation_restored", "Invitation restored", "{actor} restored the invitation of {target}"},
		{"seat.assigned", "Seat assigned", "{actor} assigned a seat to {target}"},
		{"seat.released", "Seat released", "{actor} released {target}’s seat"},
	}},
	{"Sign-in", []action{
		{"user.signed_in", "Signed in", "{actor} signed in"},
		{"user.signed_out", "Signed out", "{actor} signed out"},
		{"user.single_sign_on_linked", "Single sign-on linked", "{actor} used single sign-on for the first time"},
		{"user.single_sign_on_reset", "Single sign-on reset", "{actor} unlinked {target} from the sign-in provider"},
		{"user.signed_out_by_provider", "Signed out by the provider", "The provider of single sign-on signed {target} out"},
		{"user.signed_out_everywhere", "Signed out everywhere", "{actor} signed out everywhere"},
		{"user.session_ended", "Session ended", "{actor} ended a session of {target}"},
		{"user.unlocked", "Account unlocked", "{actor} unlocked sign-in for {target}"},
		{"user.password_changed", "Password changed", "{actor} changed their password"},
		{"user.second_factor_added", "Second factor set up", "{actor} set up a second factor"},
		{"user.second_factor_replaced", "Second factor replaced", "{actor} replaced their second factor"},
		{"user.second_factor_removed", "Second factor removed", "{actor} removed the second factor of {target}"},
		{"user.authenticator_app_removed", "Authenticator app removed", "{actor} removed their authenticator app"},
		{"user.passkey_added", "Passkey added", "{actor} added a passkey"},
		{"user.passkey_renamed", "Passkey renamed", "{actor} renamed a passkey"},
		{"user.passkey_removed", "Passkey removed", "{actor} removed a passkey"},
		{"user.passkey_rejected", "Passkey rejected", "A passkey of {target} was rejected because it may have been copied"},
		{"user.recovery_codes_created", "Recovery codes created", "{actor} created new recovery codes"},
		{"user.recovery_code_used", "Recovery code used", "{actor} used a recovery code"},
		{"user.erased", "Person erased", "{actor} erased {target}"},
		{"user.renamed", "Person renamed", "{actor} changed the name of {target}"},
		{"user.emails_changed", "Emails chosen", "{actor} chose the emails that they get"},
		{"user.email_changed", "Email changed", "{actor} changed the email of {target}"},
		{"user.reset_link_created", "Reset link created", "{actor} created a password reset link for {target}"},
		{"user.password_reset", "Password reset", "{actor} reset their password with a link"},
	}},
	{"Webhooks", []action{
		{"webhook_endpoint.created", "Endpoint added", "{actor} added {target}"},
		{"webhook_endpoint.updated", "Endpoint updated", "{actor} updated {target}"},
		{"webhook_endpoint.enabled", "Endpoint enabled", "{actor} enabled {target}"},
		{"webhook_endpoint.disabled", "Endpoint disabled", "{actor} disabled {target}"},
		{"webhook_endpoint.secret_rotated", "Secret rotated", "{actor} rotated the signing secret of {target}"},
		{"webhook_endpoint.deliveries_retried", "Failed deliveries retried", "{actor} retried failed deliveries to {target}"},
		{"webhook_endpoint.events_replayed", "Events replayed", "{actor} sent earlier events to {target} again"},
		{"webhook_endpoint.deleted", "Endpoint deleted", "{actor} deleted {target}"},
	}},
	{"Workspace", []action{
		{"workspace.created", "Workspace created", "{actor} created {target}"},
		{"workspace.renamed", "Workspace renamed", "{actor} renamed {target}"},
		{"workspace.deleted", "Workspace deleted", "{actor} deleted {target}"},
		{"workspace.restored", "Workspace restored", "{actor} restored {target}"},
		{"workspace.removed", "Workspace removed", "{actor} removed everything in {target}"},
		{"workspace.key_policy_changed", "Policy changed", "{actor} changed the policy"},
		{"workspace.test_created", "Test workspace created", "{actor} created the test workspace {target}"},
		{"workspace.seat_capacity_changed", "Seats changed", "{actor} changed the number of seats"},
		{"scopes.applied", "Scopes changed", "{actor} changed the custom scopes"},
		{"scopes.retired", "Scope retired", "{actor} retired a custom scope"},
		{"lease.set", "Lease changed", "{actor} changed the lease duration"},
		{"node_token.created", "Node credential created", "{actor} created {target}"},
		{"node_token.revoked", "Node credential revoked", "{actor} revoked {target}"},
		{"lease.upgraded", "Upgrade finished", "{actor} finished the upgrade of all nodes"},
		{"database.restored", "Database restored", "{actor} restored the database from a backup"},
	}},
}

// signInFailed is an action of earlier versions, which the filter doesn't offer.
const signInFailed = "user.sign_in_failed"

// patternOf returns the sentence about event, with placeholders.
func patternOf(event models.AuditEvent) string {
	if event.Action == signInFailed {
		return "Failed sign-in attempt for {target}"
	}
	if method := event.Details["method"]; event.Action == "user.signed_in" && method != "" {
		return "{actor} signed in with " + method
	}
	for _, group := range groups {
		for _, action := range group.Actions {
			if action.Name == event.Action {
				return action.sentence
			}
		}
	}
	return actor + ": " + event.Action + " " + target
}

// partsOf returns the sentence about event, split at the placeholders.
func partsOf(event models.AuditEvent) []string {
	var parts []string
	rest := patternOf(event)
	for rest != "" {
		i := strings.Index(rest, "{")
		if i != 0 {
			if i < 0 {
				i = len(rest)
			}
			parts, rest = append(parts, rest[:i]), rest[i:]
			continue
		}
		end := strings.Index(rest, "}") + 1
		parts, rest = append(parts, rest[:end]), rest[end:]
	}
	return parts
}

// kinds maps the type of a target to what precedes its name in a sentence. The names of people stand
// alone.
var kinds = map[string]string{
	"api_key":          "API key",
	"member":           "",
	"seat":             "",
	"user":             "",
	"webhook_endpoint": "webhook endpoint",
	"workspace":        "workspace",
	"lease":            "lease",
	"scopes":           "scopes",
	"node_token":       "node credential",
	"database":         "database",
}

// kindOf returns what precedes the name of event's target in a sentence.
func kindOf(event models.AuditEvent) string {
	if kind, known := kinds[event.TargetType]; known {
		return kind
	}
	return strings.ReplaceAll(event.TargetType, "_", " ")
}

// targetOf returns event's target as it appears in a sentence, such as "API key CI".
func targetOf(event models.AuditEvent) string {
	if event.TargetName == event.TargetType {
		return kindOf(event)
	}
	return strings.TrimSpace(kindOf(event) + " " + event.TargetName)
}

// Sentence returns the sentence about event as plain text.
func Sentence(event models.AuditEvent) string {
	return strings.NewReplacer(actor, ActorName(event), target, targetOf(event)).Replace(patternOf(event))
}

// allAbout returns the label of the link to the other events with the same target.
func allAbout(event models.AuditEvent) string {
	switch event.TargetType {
	case "api_key":
		return "All events for this key"
	case "webhook_endpoint":
		return "All events for this endpoint"
	}
	return "All events for " + targetOf(event)
}

// detail is a labeled fact about an event.
type detail struct {
	Label, Value string
	At           time.Time // if the value is a time
	URL          string    // of the page that the value is the ID of, if any
}

// detailLabels maps the names of details to their labels. Entries for a single action take precedence.
var detailLabels = map[string]string{
	"api_key.renamed/from":            "Previous name",
	"user.renamed/from":               "Previous name",
	"workspace.renamed/from":          "Previous name",
	"workspace.deleted/keys":          "API keys paused",
	"user.email_changed/from":         "Previous email",
	"user.email_changed/to":           "New email",
	"api_key.owner_changed/from":      "Previous owner",
	"api_key.owner_changed/to":        "New owner",
	"api_key.owner_changed/owner_id":  "New owner ID",
	"owner_id":                        "Owner",
	"previous_name":                   "Previous name",
	"previous_email":                  "Previous email",
	"api_key.found_leaked/times":      "Times found",
	"api_key.leak_checked/keys":       "Keys found",
	"api_key.leak_checked/other_keys": "Unknown keys",
	"added":                           "Added",
	"allowlist":                       "IP allowlist",
	"allowlist_before":                "Previous IP allowlist",
	"changed":                         "Changed",
	"reactivated":                     "Reactivated",
	"removed":                         "Removed",
	"retired":                         "Retired",
	"by":                              "Sent by",
	"committed_at":                    "Deleted",
	"delete_at":                       "Deletion",
	"default_lifetime":                "Default lifetime",
	"default_lifetime_before":         "Default lifetime before",
	"deliveries":                      "Deliveries",
	"ends_at":                         "To",
	"environment":                     "Environment",
	"events":                          "Events",
	"expires_at":                      "Expiry",
	"expires_at_before":               "Previous expiry",
	"from":                            "Before",
	"in_force_at":                     "In effect on all nodes",
	"key_prefix":                      "Key",
	"last_used_address":               "Last used from",
	"last_used_at":                    "Last accepted",
	"last_used_route":                 "Last request",
	"lease":                           "Lease",
	"max_lifetime":                    "Longest lifetime",
	"max_lifetime_before":             "Longest lifetime before",
	"member_id":                       "Member",
	"nodes":                           "Nodes",
	"rate_limit":                      "Rate limit",
	"rate_limit_before":               "Previous rate limit",
	"reason":                          "Reason",
	"mode":                            "Mode",
	"review_idle":                     "Inactive after",
	"review_idle_before":              "Inactive after, before",
	"review_old":                      "Due for rotation after",
	"review_old_before":               "Due for rotation after, before",
	"review_unused":                   "Never used after",
	"review_unused_before":            "Never used after, before",
	"role":                            "Role",
	"rotated_from":                    "Replaces",
	"scopes":                          "Scopes",
	"second_factor":                   "Second factor",
	"second_factor_before":            "Second factor before",
	"single_sign_on":                  "Single sign-on",
	"single_sign_on_before":           "Single sign-on before",
	"scopes_added":                    "Added",
	"scopes_removed":                  "Removed",
	"scheduled_by":                    "Scheduled by",
	"silent_nodes":                    "Nodes that did not answer",
	"starts_at":                       "From",
	"successor_id":                    "Replacement",
	"to":                              "After",
	"turned_off":                      "Turned off",
	"took_ms":                         "Duration",
}

func detailsOf(in path.Workspace, event models.AuditEvent) []detail {
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
		if isRole(event, name) {
			value = ui.RoleLabel(models.Role(value))
		}
		details = append(details, detailOf(in, label, name, value))
	}
	return details
}

// isRole reports whether a detail of event is a role.
func isRole(event models.AuditEvent, detail string) bool {
	return detail == "role" || event.Action == "member.role_changed"
}

// detailOf returns a detail, formatted by its type.
func detailOf(in path.Workspace, label, name, value string) detail {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return detail{Label: label, At: at}
	}
	switch kind, _, _ := strings.Cut(value, "_"); {
	case value == "":
		return detail{Label: label, Value: "None"}
	case name == "took_ms":
		if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
			value = ui.Milliseconds(time.Duration(ms) * time.Millisecond)
		}
	case !models.IsID(value):
	case kind == "key":
		return detail{Label: label, Value: value, URL: in.APIKey(value)}
	case kind == "mem":
		return detail{Label: label, Value: value, URL: in.Member(value)}
	}
	return detail{Label: label, Value: value}
}

// pageOf returns the URL of the page of event's target, or of its events if it has no page. It returns
// "" if it has no ID.
func pageOf(in path.Workspace, event models.AuditEvent) string {
	switch {
	case event.TargetID == "":
		return ""
	case event.TargetType == "api_key":
		return in.APIKey(event.TargetID)
	case event.TargetType == "member":
		return in.Member(event.TargetID)
	case event.TargetType == "webhook_endpoint" && event.Action != "webhook_endpoint.deleted":
		return in.Webhook(event.TargetID)
	}
	return ofTarget(in, event)
}

// sentenceCase turns a name such as "paused_until" into "Paused until".
func sentenceCase(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	if words == "" {
		return words
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// ActorName returns the name of who or what caused event.
func ActorName(event models.AuditEvent) string {
	switch {
	case event.ActorType == models.ActorSystem:
		return "System"
	case event.ActorName == "":
		return "Someone"
	}
	return event.ActorName
}

func orUnknown(text string) string {
	if text == "" {
		return "Unknown"
	}
	return text
}

// originOf returns where event came from, such as "192.0.2.1 · Firefox on Linux".
func originOf(event models.AuditEvent) string {
	switch {
	case event.Address == "" && event.UserAgent == "":
		return ""
	case event.Address == "":
		return ui.Device(event.UserAgent)
	case event.UserAgent == "":
		return event.Address
	}
	return event.Address + " · " + ui.Device(event.UserAgent)
}

func hashOf(event models.AuditEvent) string { return hex.EncodeToString(event.Hash) }
