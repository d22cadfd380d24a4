// Package path is every address of the dashboard. Routes, redirects and links are all made
// here, so that none is written by hand.
package path

import "net/url"

// Pages without a parameter.
const (
	Home             = "/"
	SetUp            = "/setup/"
	SignIn           = "/login"
	SignOut          = "/logout"
	CurrentWorkspace = "/workspace"
	Appearance       = "/appearance"
	Account          = "/settings/account"
	AccountPassword  = "/settings/account/password"
	AccountSessions  = "/settings/account/sessions"
	APIKeys          = "/settings/api-keys"
	NewAPIKey        = APIKeys + "/new"
	APIKeyLeaks      = APIKeys + "/leaks"
	AuditLog         = "/settings/audit-log"
	AuditLogCSV      = AuditLog + "/events.csv"
	APIKeyReview     = APIKeys + "/review"
	APIKeyBulkDelete  = APIKeys + "/bulk-delete"
	APIKeyReceipts   = APIKeys + "/receipts"
	Invitations      = "/invitations/"
	Members          = "/settings/members"
	NewMember        = Members + "/new"
	Seats            = "/settings/seats"
	NewSeat          = Seats + "/new"
	SeatCapacity     = Seats + "/capacity"
	Webhooks         = "/settings/webhooks"
	NewWebhook       = Webhooks + "/new"
	Docs             = "/docs"
	OpenAPIYAML      = "/api/v1/openapi.yaml"
	OpenAPIJSON      = "/api/v1/openapi.json"
	Static           = "/static/"
	HealthLive       = "/healthz"
	HealthReady      = "/readyz"
)

// SetUpWith is the one-time set-up link with a token.
func SetUpWith(token string) string { return SetUp + url.PathEscape(token) }

// APIKey is the page of a key.
func APIKey(id string) string { return APIKeys + "/" + url.PathEscape(id) }

// APIKeyAccess is where what a key may do is changed, and the form for it.
func APIKeyAccess(id string) string { return APIKey(id) + "/access" }

// APIKeysReviewed is the list of the keys for which there is a finding.
func APIKeysReviewed(finding string) string {
	return APIKeys + "?" + url.Values{"review": {finding}}.Encode()
}

// APIKeyPause is where a key is paused, and the page that asks for how long.
func APIKeyPause(id string) string { return APIKey(id) + "/pause" }

// APIKeyResumption is where the pause of a key is ended.
func APIKeyResumption(id string) string { return APIKey(id) + "/resumption" }

// APIKeyUsage is the page of what a key was used for.
func APIKeyUsage(id string) string { return APIKey(id) + "/usage" }

// APIKeyUsageCounts and APIKeyUsageCallers are its figures as CSV.
func APIKeyUsageCounts(id string) string  { return APIKeyUsage(id) + "/counts.csv" }
func APIKeyUsageCallers(id string) string { return APIKeyUsage(id) + "/callers.csv" }

// APIKeyDeletion is where a key is deleted, and the page that asks first.
func APIKeyDeletion(id string) string { return APIKey(id) + "/deletion" }

// Invitation is the link with which an added person sets a password.
func Invitation(token string) string { return Invitations + url.PathEscape(token) }

// Member is where a member is looked after.
func Member(id string) string { return Members + "/" + url.PathEscape(id) }

// MemberRole is where the role of a member is changed.
func MemberRole(id string) string { return Member(id) + "/role" }

// MemberDeactivation is where a member is deactivated, and the page that asks first.
func MemberDeactivation(id string) string { return Member(id) + "/deactivation" }

// MemberReactivation is where a deactivated member is let in again.
func MemberReactivation(id string) string { return Member(id) + "/reactivation" }

// MemberInvitation is where the link for a pending member is made.
func MemberInvitation(id string) string { return Member(id) + "/invitation" }

// MemberInvitationMail is where the invitation of a pending member is mailed again.
func MemberInvitationMail(id string) string { return MemberInvitation(id) + "/mail" }

// SeatRelease is where a seat is released.
func SeatRelease(id string) string { return Seats + "/" + url.PathEscape(id) + "/release" }

// APIKeyRotation is where a key is rotated: the form for it, and then the page of the rotation.
func APIKeyRotation(id string) string { return APIKey(id) + "/rotation" }

// APIKeyRotationEnd is where the old key of a rotation is deleted, and the page that asks first.
func APIKeyRotationEnd(id string) string { return APIKeyRotation(id) + "/end" }

// APIKeyRotationAbandonment is where the new key is deleted instead, and the page that asks first.
func APIKeyRotationAbandonment(id string) string { return APIKeyRotation(id) + "/abandonment" }

// Webhook is the page of a webhook endpoint.
func Webhook(id string) string { return Webhooks + "/" + url.PathEscape(id) }

// WebhookEdit is the form for what an endpoint is.
func WebhookEdit(id string) string { return Webhook(id) + "/edit" }

// WebhookSecret is where an endpoint is given a new secret, and the page that asks first.
func WebhookSecret(id string) string { return Webhook(id) + "/secret" }

// WebhookDisabling is where an endpoint is disabled, and the page that asks first.
func WebhookDisabling(id string) string { return Webhook(id) + "/disabling" }

// WebhookEnabling is where a disabled endpoint is enabled.
func WebhookEnabling(id string) string { return Webhook(id) + "/enabling" }

// WebhookDeletion is where an endpoint is deleted, and the page that asks first.
func WebhookDeletion(id string) string { return Webhook(id) + "/deletion" }

// WebhookPings is where an endpoint is sent a ping.
func WebhookPings(id string) string { return Webhook(id) + "/pings" }

// WebhookDelivery is the page of a delivery to an endpoint.
func WebhookDelivery(id, deliveryID string) string {
	return Webhook(id) + "/deliveries/" + url.PathEscape(deliveryID)
}

// WebhookRetries is where a delivery is sent again.
func WebhookRetries(id, deliveryID string) string {
	return WebhookDelivery(id, deliveryID) + "/retries"
}

// DocsOf is the reference of a resource of the API.
func DocsOf(slug string) string { return Docs + "/" + url.PathEscape(slug) }

// SignInAnd is the sign-in page that goes on to next, an address of this site; empty for home.
func SignInAnd(next string) string {
	if next == "" || next == Home {
		return SignIn
	}
	return SignIn + "?" + url.Values{"next": {next}}.Encode()
}
