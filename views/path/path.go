// Package path builds the URL paths of the dashboard for routes, redirects and links.
package path

import "net/url"

// Paths without parameters.
const (
	Root               = "/"
	SetUp              = "/setup/"
	SignIn             = "/login"
	SignInCode         = SignIn + "/code"
	SignInCodeOptions  = SignInCode + "/options"
	SignInPasskey      = SignIn + "/passkey"
	SignInOptions      = SignInPasskey + "/options"
	SingleSignOn       = SignIn + "/sso"
	SingleSignOnReturn = SingleSignOn + "/return"
	SingleSignOnLogout = SingleSignOn + "/logout"
	SingleSignOnNeeded = SingleSignOn + "/needed"
	SingleSignOnProof  = SingleSignOn + "?prove=true"
	SignOut            = "/logout"
	ForgotPassword     = "/forgot-password"
	ResetRequested     = ForgotPassword + "?sent=true"
	ResetPassword      = "/reset-password/"
	CurrentWorkspace   = "/workspace"
	TestWorkspace      = "/settings/test-workspace"
	Workspace          = "/settings/workspace"
	WorkspaceName      = Workspace + "/name"
	WorkspaceLeave     = Workspace + "/leave"
	WorkspaceDelete    = Workspace + "/delete"
	WorkspaceExport    = Workspace + "/export.zip"
	NewWorkspace       = Workspace + "/new"
	Appearance         = "/appearance"
	Search             = "/search"
	Shortcuts          = "/shortcuts"
	Account            = "/settings/account"
	AccountPassword    = "/settings/account/password"
	AccountSessions    = "/settings/account/sessions"
	AccountEmails      = Account + "/emails"
	Notifications      = "/settings/notifications"
	NotificationsRead  = Notifications + "/read"
	AccountName        = Account + "/name"
	AccountDelete      = Account + "/delete"
	AccountEmail       = Account + "/email"
	SecondFactor       = Account + "/second-factor"
	RemoveSecondFactor = SecondFactor + "/remove"
	RecoveryCodes      = Account + "/recovery-codes"
	Passkeys           = Account + "/passkeys"
	PasskeyOptions     = Passkeys + "/options"
	ProofOptions       = Account + "/proof/options"
	ConfirmEmail       = "/confirm-email/"
	EndSession         = AccountSessions + "/end"
	APIKeys            = "/settings/api-keys"
	NewAPIKey          = APIKeys + "/new"
	APIKeyLeaks        = APIKeys + "/leaks"
	APIKeyReview       = APIKeys + "/review"
	APIKeyBulkDelete   = APIKeys + "/bulk-delete"
	APIKeyReceipts     = APIKeys + "/receipts"
	APIKeyShorten      = APIKeys + "/shorten"
	Invitations        = "/invitations/"
	Members            = "/settings/members"
	NewMember          = Members + "/new"
	Seats              = "/settings/seats"
	NewSeat            = Seats + "/new"
	SeatCapacity       = Seats + "/capacity"
	Webhooks           = "/settings/webhooks"
	NewWebhook         = Webhooks + "/new"
	Policy             = "/settings/policy"
	AuditLog           = "/settings/audit-log"
	FailedSignIns      = "/settings/audit-log/failed-sign-ins"
	AuditLogCSV        = AuditLog + "/events.csv"
	Docs               = "/docs"
	DocsRoles          = Docs + "#roles"
	OpenAPIYAML        = "/api/v1/openapi.yaml"
	OpenAPIJSON        = "/api/v1/openapi.json"
	Static             = "/static/"
	HealthLive         = "/healthz"
	HealthReady        = "/readyz"
)

// SetUpWith returns the path of the one-time setup link with a token.
func SetUpWith(token string) string { return SetUp + url.PathEscape(token) }

// ConfirmEmailWith returns the path of the link with a token that confirms an email.
func ConfirmEmailWith(token string) string { return ConfirmEmail + url.PathEscape(token) }

// ResetPasswordWith returns the path of the reset link with a token.
func ResetPasswordWith(token string) string { return ResetPassword + url.PathEscape(token) }

// SignedIn returns the path that follows sign-in and leads to next. It checks that the browser kept the
// session's cookie.
func SignedIn(next string) string {
	return SignIn + "?" + url.Values{"next": {next}, "signed_in": {"true"}}.Encode()
}

// SignInAnd returns the path of the sign-in page that continues to next, a path on this site. An empty
// next continues to Root.
func SignInAnd(next string) string {
	if next == "" || next == Root {
		return SignIn
	}
	return SignIn + "?" + url.Values{"next": {next}}.Encode()
}

// Reasons for which someone has to sign in again.
const (
	FormNotSent = "form" // a form was sent after the session had ended
	FormKept    = "tab"  // the same, but another tab keeps the form
	NewPassword = "new"  // the password was reset
	CodeExpired = "code" // the second factor wasn't proven in time
)

// SignInAgain returns the path of the sign-in page that explains the reason and continues to next.
func SignInAgain(next, reason string) string {
	return SignIn + "?" + url.Values{"next": {next}, "signed_out": {reason}}.Encode()
}

// SingleSignOnAnd returns the path that leads to the provider of single sign-on and then to next.
func SingleSignOnAnd(next string) string {
	if next == "" || next == Root {
		return SingleSignOn
	}
	return SingleSignOn + "?" + url.Values{"next": {next}}.Encode()
}

// SingleSignOnNeededFor returns the path of the page that explains that next needs single sign-on.
func SingleSignOnNeededFor(next string) string {
	return SingleSignOnNeeded + "?" + url.Values{"next": {next}}.Encode()
}

// SignInCodeAnd returns the path of the page that asks for a code and continues to next.
func SignInCodeAnd(next string) string { return SignInCode + "?" + url.Values{"next": {next}}.Encode() }

// Invitation returns the path of the invitation link with a token.
func Invitation(token string) string { return Invitations + url.PathEscape(token) }

// Passkey returns the path for renaming one of the user's passkeys.
func Passkey(id string) string { return Passkeys + "/" + url.PathEscape(id) }

// RemovePasskey returns the path for removing one of the user's passkeys.
func RemovePasskey(id string) string { return Passkey(id) + "/remove" }

// APIKeysReviewed returns the path of the list of keys with a finding.
func APIKeysReviewed(finding string) string {
	return APIKeys + "?" + url.Values{"review": {finding}}.Encode()
}

// DuplicateAPIKey returns the path of the form for a new key with the values of another.
func DuplicateAPIKey(id string) string { return NewAPIKey + "?" + url.Values{"from": {id}}.Encode() }

// APIKeysOf returns the path of the list of keys that a member or a key created.
func APIKeysOf(id string) string { return APIKeys + "?" + url.Values{"creator": {id}}.Encode() }

// APIKey returns the path of the page of a key.
func APIKey(id string) string { return APIKeys + "/" + url.PathEscape(id) }

// APIKeyAccess returns the path for editing the scopes and the expiry of a key.
func APIKeyAccess(id string) string { return APIKey(id) + "/access" }

// APIKeyPause returns the path for pausing a key.
func APIKeyPause(id string) string { return APIKey(id) + "/pause" }

// APIKeyResume returns the path for resuming a key.
func APIKeyResume(id string) string { return APIKey(id) + "/resume" }

// APIKeyDelete returns the path for deleting a key.
func APIKeyDelete(id string) string { return APIKey(id) + "/delete" }

// APIKeyScheduleDeletion returns the path for pausing a key and deleting it later.
func APIKeyScheduleDeletion(id string) string { return APIKeyDelete(id) + "/schedule" }

// APIKeyCancelDeletion returns the path for canceling the scheduled deletion of a key.
func APIKeyCancelDeletion(id string) string { return APIKeyDelete(id) + "/cancel" }

// APIKeyRotation returns the path of the rotation of a key, where it can also be started.
func APIKeyRotation(id string) string { return APIKey(id) + "/rotation" }

// APIKeyRotationFinish returns the path for finishing a rotation.
func APIKeyRotationFinish(id string) string { return APIKeyRotation(id) + "/finish" }

// APIKeyRotationCancel returns the path for canceling a rotation.
func APIKeyRotationCancel(id string) string { return APIKeyRotation(id) + "/cancel" }

// APIKeyUsage returns the path of the usage of a key.
func APIKeyUsage(id string) string { return APIKey(id) + "/usage" }

// APIKeyUsageCounts returns the path of the request counts of a key as CSV.
func APIKeyUsageCounts(id string) string { return APIKeyUsage(id) + "/counts.csv" }

// APIKeyUsageCallers returns the path of the callers of a key as CSV.
func APIKeyUsageCallers(id string) string { return APIKeyUsage(id) + "/callers.csv" }

// Member returns the path of the page of a member.
func Member(id string) string { return Members + "/" + url.PathEscape(id) }

// MemberRole returns the path for changing the role of a member.
func MemberRole(id string) string { return Member(id) + "/role" }

// MemberDeactivate returns the path for deactivating a member.
func MemberDeactivate(id string) string { return Member(id) + "/deactivate" }

// MemberReactivate returns the path for reactivating a member.
func MemberReactivate(id string) string { return Member(id) + "/reactivate" }

// MemberEndSession returns the path for ending a session of a member.
func MemberEndSession(id string) string { return Member(id) + "/sessions/end" }

// MemberSecondFactor returns the path for removing the second factor of a member.
func MemberSecondFactor(id string) string { return Member(id) + "/second-factor" }

// MemberResetLink returns the path for creating a link with which a member chooses a new password.
func MemberResetLink(id string) string { return Member(id) + "/reset-link" }

// MemberDetails returns the path for correcting the details of a pending member.
func MemberDetails(id string) string { return Member(id) + "/details" }

// MemberInvitation returns the path for creating an invitation link for a pending member.
func MemberInvitation(id string) string { return Member(id) + "/invitation" }

// MemberInvitationEmail returns the path for emailing a pending member again.
func MemberInvitationEmail(id string) string { return MemberInvitation(id) + "/email" }

// SeatRelease returns the path for releasing a seat.
func SeatRelease(id string) string { return Seats + "/" + url.PathEscape(id) + "/release" }

// Webhook returns the path of the page of a webhook endpoint.
func Webhook(id string) string { return Webhooks + "/" + url.PathEscape(id) }

// WebhookEdit returns the path for editing an endpoint.
func WebhookEdit(id string) string { return Webhook(id) + "/edit" }

// WebhookSecret returns the path for rotating the secret of an endpoint.
func WebhookSecret(id string) string { return Webhook(id) + "/secret" }

// WebhookDisable returns the path for disabling an endpoint.
func WebhookDisable(id string) string { return Webhook(id) + "/disable" }

// WebhookEnable returns the path for enabling an endpoint.
func WebhookEnable(id string) string { return Webhook(id) + "/enable" }

// WebhookDelete returns the path for deleting an endpoint.
func WebhookDelete(id string) string { return Webhook(id) + "/delete" }

// WebhookPing returns the path for sending a ping to an endpoint.
func WebhookPing(id string) string { return Webhook(id) + "/ping" }

// WebhookExample returns the path for sending an example to an endpoint.
func WebhookExample(id string) string { return Webhook(id) + "/example" }

// WebhookReplay returns the path for sending the events of a period to an endpoint again.
func WebhookReplay(id string) string { return Webhook(id) + "/replay" }

// WebhookRetryFailed returns the path for retrying all failed deliveries to an endpoint.
func WebhookRetryFailed(id string) string { return Webhook(id) + "/retry-failed" }

// WebhookDelivery returns the path of the page of a delivery to an endpoint.
func WebhookDelivery(id, deliveryID string) string {
	return Webhook(id) + "/deliveries/" + url.PathEscape(deliveryID)
}

// WebhookRetry returns the path for retrying a delivery.
func WebhookRetry(id, deliveryID string) string {
	return WebhookDelivery(id, deliveryID) + "/retry"
}

// DocsOf returns the path of the API reference of a resource.
func DocsOf(slug string) string { return Docs + "/" + url.PathEscape(slug) }

// WebhookCurl returns the path of a delivery as a curl command.
func WebhookCurl(id, deliveryID string) string { return WebhookDelivery(id, deliveryID) + "/curl" }
