// Package path builds the addresses of the dashboard. Routes, redirects and links use it, so
// that no address is written out by hand.
package path

import "net/url"

// Addresses without a parameter.
const (
	Root             = "/"
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
	APIKeyReview     = APIKeys + "/review"
	APIKeyBulkDelete = APIKeys + "/bulk-delete"
	APIKeyReceipts   = APIKeys + "/receipts"
	Invitations      = "/invitations/"
	Members          = "/settings/members"
	NewMember        = Members + "/new"
	Seats            = "/settings/seats"
	NewSeat          = Seats + "/new"
	SeatCapacity     = Seats + "/capacity"
	Webhooks         = "/settings/webhooks"
	NewWebhook       = Webhooks + "/new"
	AuditLog         = "/settings/audit-log"
	AuditLogCSV      = AuditLog + "/events.csv"
	Docs             = "/docs"
	OpenAPIYAML      = "/api/v1/openapi.yaml"
	OpenAPIJSON      = "/api/v1/openapi.json"
	Static           = "/static/"
	HealthLive       = "/healthz"
	HealthReady      = "/readyz"
)

// SetUpWith returns the one-time setup link for a token.
func SetUpWith(token string) string { return SetUp + url.PathEscape(token) }

// SignInAnd returns the sign-in page that continues to next, an address on this site. An empty
// next continues to the root.
func SignInAnd(next string) string {
	if next == "" || next == Root {
		return SignIn
	}
	return SignIn + "?" + url.Values{"next": {next}}.Encode()
}

// Invitation returns the link with which an invited person sets a password.
func Invitation(token string) string { return Invitations + url.PathEscape(token) }

// APIKeysReviewed returns the list of the keys with a finding.
func APIKeysReviewed(finding string) string {
	return APIKeys + "?" + url.Values{"review": {finding}}.Encode()
}

// APIKey returns the page of a key.
func APIKey(id string) string { return APIKeys + "/" + url.PathEscape(id) }

// APIKeyAccess returns where the scopes and the expiry of a key are edited.
func APIKeyAccess(id string) string { return APIKey(id) + "/access" }

// APIKeyPause returns where a key is paused.
func APIKeyPause(id string) string { return APIKey(id) + "/pause" }

// APIKeyResume returns where a paused key is resumed.
func APIKeyResume(id string) string { return APIKey(id) + "/resume" }

// APIKeyDelete returns where a key is deleted.
func APIKeyDelete(id string) string { return APIKey(id) + "/delete" }

// APIKeyRotation returns where a key is rotated, and then the page of its rotation.
func APIKeyRotation(id string) string { return APIKey(id) + "/rotation" }

// APIKeyRotationFinish returns where the old key of a rotation is deleted.
func APIKeyRotationFinish(id string) string { return APIKeyRotation(id) + "/finish" }

// APIKeyRotationCancel returns where the new key of a rotation is deleted.
func APIKeyRotationCancel(id string) string { return APIKeyRotation(id) + "/cancel" }

// APIKeyUsage returns the usage page of a key.
func APIKeyUsage(id string) string { return APIKey(id) + "/usage" }

// APIKeyUsageCounts returns the request counts of a key as CSV.
func APIKeyUsageCounts(id string) string { return APIKeyUsage(id) + "/counts.csv" }

// APIKeyUsageCallers returns the callers of a key as CSV.
func APIKeyUsageCallers(id string) string { return APIKeyUsage(id) + "/callers.csv" }

// Member returns the page of a member.
func Member(id string) string { return Members + "/" + url.PathEscape(id) }

// MemberRole returns where the role of a member is changed.
func MemberRole(id string) string { return Member(id) + "/role" }

// MemberDeactivate returns where a member is deactivated.
func MemberDeactivate(id string) string { return Member(id) + "/deactivate" }

// MemberReactivate returns where a member is reactivated.
func MemberReactivate(id string) string { return Member(id) + "/reactivate" }

// MemberInvitation returns where an invitation link for a pending member is created.
func MemberInvitation(id string) string { return Member(id) + "/invitation" }

// MemberInvitationEmail returns where the invitation of a pending member is emailed again.
func MemberInvitationEmail(id string) string { return MemberInvitation(id) + "/email" }

// SeatRelease returns where a seat is released.
func SeatRelease(id string) string { return Seats + "/" + url.PathEscape(id) + "/release" }

// Webhook returns the page of a webhook endpoint.
func Webhook(id string) string { return Webhooks + "/" + url.PathEscape(id) }

// WebhookEdit returns the form that edits an endpoint.
func WebhookEdit(id string) string { return Webhook(id) + "/edit" }

// WebhookSecret returns where the secret of an endpoint is rotated.
func WebhookSecret(id string) string { return Webhook(id) + "/secret" }

// WebhookDisable returns where an endpoint is disabled.
func WebhookDisable(id string) string { return Webhook(id) + "/disable" }

// WebhookEnable returns where an endpoint is enabled.
func WebhookEnable(id string) string { return Webhook(id) + "/enable" }

// WebhookDelete returns where an endpoint is deleted.
func WebhookDelete(id string) string { return Webhook(id) + "/delete" }

// WebhookPing returns where a ping is sent to an endpoint.
func WebhookPing(id string) string { return Webhook(id) + "/ping" }

// WebhookDelivery returns the page of a delivery to an endpoint.
func WebhookDelivery(id, deliveryID string) string {
	return Webhook(id) + "/deliveries/" + url.PathEscape(deliveryID)
}

// WebhookRetry returns where a delivery is sent again.
func WebhookRetry(id, deliveryID string) string {
	return WebhookDelivery(id, deliveryID) + "/retry"
}

// DocsOf returns the API reference of a resource.
func DocsOf(slug string) string { return Docs + "/" + url.PathEscape(slug) }
