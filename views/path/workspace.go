package path

import (
	"context"
	"net/url"
	"strings"

	"github.com/skipup/keys/views/viewer"
)

// Workspace is the ID of a workspace, whose methods return the paths of its pages. Unlike a name, an ID never
// changes, so links stay valid. The empty Workspace returns the paths without a workspace, which lead to the
// one last used.
type Workspace string

// prefix begins the paths of the pages of workspaces.
const prefix = "/w/"

// In returns the workspace that the page of ctx shows.
func In(ctx context.Context) Workspace { return Of(viewer.Of(ctx)) }

// Of returns the workspace shown to a viewer, or an empty one if the viewer belongs to none.
func Of(v viewer.Viewer) Workspace {
	if v.Member == nil {
		return ""
	}
	return Workspace(v.Member.WorkspaceID)
}

// Page returns the path in w of a page, given its path in any workspace or its path without one.
func (w Workspace) Page(path string) string {
	if rest, inWorkspace := strings.CutPrefix(path, prefix); inWorkspace {
		_, rest, _ = strings.Cut(rest, "/")
		path = "/" + rest
	}
	return w.at(path)
}

// WorkspaceOf returns the ID of the workspace that a URL on this site names, or "" if it names none.
func WorkspaceOf(url string) string {
	rest, inWorkspace := strings.CutPrefix(url, prefix)
	if !inWorkspace {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

func (w Workspace) at(path string) string {
	if w == "" {
		return path
	}
	return prefix + url.PathEscape(string(w)) + path
}

// Search returns the path of the search.
func (w Workspace) Search() string { return w.at("/search") }

// Notifications returns the path of the notifications.
func (w Workspace) Notifications() string { return w.at("/settings/notifications") }

// NotificationsRead returns the path for marking notifications as read.
func (w Workspace) NotificationsRead() string { return w.Notifications() + "/read" }

// TestWorkspace returns the path of the page that creates the test workspace or joins it.
func (w Workspace) TestWorkspace() string { return w.at("/settings/test-workspace") }

// Workspace returns the path of the page about the workspace itself.
func (w Workspace) Workspace() string { return w.at("/settings/workspace") }

// WorkspaceName returns the path for renaming the workspace.
func (w Workspace) WorkspaceName() string { return w.Workspace() + "/name" }

// WorkspaceLeave returns the path for leaving the workspace.
func (w Workspace) WorkspaceLeave() string { return w.Workspace() + "/leave" }

// WorkspaceDelete returns the path for deleting the workspace.
func (w Workspace) WorkspaceDelete() string { return w.Workspace() + "/delete" }

// WorkspaceExport returns the path of everything in the workspace as a ZIP file.
func (w Workspace) WorkspaceExport() string { return w.Workspace() + "/export.zip" }

// NewWorkspace returns the path of the form that creates another workspace.
func (w Workspace) NewWorkspace() string { return w.Workspace() + "/new" }

// APIKeys returns the path of the list of API keys.
func (w Workspace) APIKeys() string { return w.at("/settings/api-keys") }

// NewAPIKey returns the path of the form for a new key.
func (w Workspace) NewAPIKey() string { return w.APIKeys() + "/new" }

// APIKeyLeaks returns the path of the scan for leaked keys.
func (w Workspace) APIKeyLeaks() string { return w.APIKeys() + "/leaks" }

// APIKeyReview returns the path of the review of keys.
func (w Workspace) APIKeyReview() string { return w.APIKeys() + "/review" }

// APIKeyBulkDelete returns the path of the deletion of several keys.
func (w Workspace) APIKeyBulkDelete() string { return w.APIKeys() + "/bulk-delete" }

// APIKeyReceipts returns the path of the receipts of deleted keys.
func (w Workspace) APIKeyReceipts() string { return w.APIKeys() + "/receipts" }

// APIKeyShorten returns the path of the form that shortens the lifetimes of keys.
func (w Workspace) APIKeyShorten() string { return w.APIKeys() + "/shorten" }

// APIKeyOwner returns the path of the form that gives keys another owner.
func (w Workspace) APIKeyOwner() string { return w.APIKeys() + "/owner" }

// Members returns the path of the list of members.
func (w Workspace) Members() string { return w.at("/settings/members") }

// NewMember returns the path of the invitation form.
func (w Workspace) NewMember() string { return w.Members() + "/new" }

// Seats returns the path of the list of seats.
func (w Workspace) Seats() string { return w.at("/settings/seats") }

// NewSeat returns the path of the form that assigns a seat.
func (w Workspace) NewSeat() string { return w.Seats() + "/new" }

// SeatCapacity returns the path of the form for the number of seats.
func (w Workspace) SeatCapacity() string { return w.Seats() + "/capacity" }

// Webhooks returns the path of the list of webhook endpoints.
func (w Workspace) Webhooks() string { return w.at("/settings/webhooks") }

// NewWebhook returns the path of the form for a new endpoint.
func (w Workspace) NewWebhook() string { return w.Webhooks() + "/new" }

// Policy returns the path of the policy.
func (w Workspace) Policy() string { return w.at("/settings/policy") }

// AuditLog returns the path of the audit log.
func (w Workspace) AuditLog() string { return w.at("/settings/audit-log") }

// FailedSignIns returns the path of the failed sign-ins.
func (w Workspace) FailedSignIns() string { return w.AuditLog() + "/failed-sign-ins" }

// AuditLogCSV returns the path of the events of the audit log as CSV.
func (w Workspace) AuditLogCSV() string { return w.AuditLog() + "/events.csv" }

// APIKeysReviewed returns the path of the list of keys with a finding.
func (w Workspace) APIKeysReviewed(finding string) string {
	return w.APIKeys() + "?" + url.Values{"review": {finding}}.Encode()
}

// DuplicateAPIKey returns the path of the form for a new key with the values of another.
func (w Workspace) DuplicateAPIKey(id string) string {
	return w.NewAPIKey() + "?" + url.Values{"from": {id}}.Encode()
}

// APIKeysOf returns the path of the list of keys that a member owns.
func (w Workspace) APIKeysOf(memberID string) string {
	return w.APIKeys() + "?" + url.Values{"owner": {memberID}}.Encode()
}

// APIKey returns the path of the page of a key.
func (w Workspace) APIKey(id string) string { return w.APIKeys() + "/" + url.PathEscape(id) }

// APIKeyAccess returns the path for editing the scopes and the expiry of a key.
func (w Workspace) APIKeyAccess(id string) string { return w.APIKey(id) + "/access" }

// APIKeyPause returns the path for pausing a key.
func (w Workspace) APIKeyPause(id string) string { return w.APIKey(id) + "/pause" }

// APIKeyResume returns the path for resuming a key.
func (w Workspace) APIKeyResume(id string) string { return w.APIKey(id) + "/resume" }

// APIKeyDelete returns the path for deleting a key.
func (w Workspace) APIKeyDelete(id string) string { return w.APIKey(id) + "/delete" }

// APIKeyScheduleDeletion returns the path for pausing a key and deleting it later.
func (w Workspace) APIKeyScheduleDeletion(id string) string { return w.APIKeyDelete(id) + "/schedule" }

// APIKeyCancelDeletion returns the path for canceling the scheduled deletion of a key.
func (w Workspace) APIKeyCancelDeletion(id string) string { return w.APIKeyDelete(id) + "/cancel" }

// APIKeyRotation returns the path of the rotation of a key, where it can also be started.
func (w Workspace) APIKeyRotation(id string) string { return w.APIKey(id) + "/rotation" }

// APIKeyRotationFinish returns the path for finishing a rotation.
func (w Workspace) APIKeyRotationFinish(id string) string { return w.APIKeyRotation(id) + "/finish" }

// APIKeyRotationCancel returns the path for canceling a rotation.
func (w Workspace) APIKeyRotationCancel(id string) string { return w.APIKeyRotation(id) + "/cancel" }

// APIKeyUsage returns the path of the usage of a key.
func (w Workspace) APIKeyUsage(id string) string { return w.APIKey(id) + "/usage" }

// APIKeyUsageCounts returns the path of the request counts of a key as CSV.
func (w Workspace) APIKeyUsageCounts(id string) string { return w.APIKeyUsage(id) + "/counts.csv" }

// APIKeyUsageCallers returns the path of the callers of a key as CSV.
func (w Workspace) APIKeyUsageCallers(id string) string { return w.APIKeyUsage(id) + "/callers.csv" }

// Member returns the path of the page of a member.
func (w Workspace) Member(id string) string { return w.Members() + "/" + url.PathEscape(id) }

// MemberRole returns the path for changing the role of a member.
func (w Workspace) MemberRole(id string) string { return w.Member(id) + "/role" }

// MemberDeactivate returns the path for deactivating a member.
func (w Workspace) MemberDeactivate(id string) string { return w.Member(id) + "/deactivate" }

// MemberReactivate returns the path for reactivating a member.
func (w Workspace) MemberReactivate(id string) string { return w.Member(id) + "/reactivate" }

// MemberEndSession returns the path for ending a session of a member.
func (w Workspace) MemberEndSession(id string) string { return w.Member(id) + "/sessions/end" }

// MemberSecondFactor returns the path for removing the second factor of a member.
func (w Workspace) MemberSecondFactor(id string) string { return w.Member(id) + "/second-factor" }

// MemberResetLink returns the path for creating a link with which a member chooses a new password.
func (w Workspace) MemberResetLink(id string) string { return w.Member(id) + "/reset-link" }

// MemberDetails returns the path for correcting the details of a pending member.
func (w Workspace) MemberDetails(id string) string { return w.Member(id) + "/details" }

// MemberInvitation returns the path for creating an invitation link for a pending member.
func (w Workspace) MemberInvitation(id string) string { return w.Member(id) + "/invitation" }

// MemberInvitationEmail returns the path for emailing a pending member again.
func (w Workspace) MemberInvitationEmail(id string) string { return w.MemberInvitation(id) + "/email" }

// MemberInvitationRestore returns the path for restoring the revoked invitation of a member.
func (w Workspace) MemberInvitationRestore(id string) string {
	return w.MemberInvitation(id) + "/restore"
}

// SeatRelease returns the path for releasing a seat.
func (w Workspace) SeatRelease(id string) string {
	return w.Seats() + "/" + url.PathEscape(id) + "/release"
}

// Webhook returns the path of the page of a webhook endpoint.
func (w Workspace) Webhook(id string) string { return w.Webhooks() + "/" + url.PathEscape(id) }

// WebhookEdit returns the path for editing an endpoint.
func (w Workspace) WebhookEdit(id string) string { return w.Webhook(id) + "/edit" }

// WebhookSecret returns the path for rotating the secret of an endpoint.
func (w Workspace) WebhookSecret(id string) string { return w.Webhook(id) + "/secret" }

// WebhookDisable returns the path for disabling an endpoint.
func (w Workspace) WebhookDisable(id string) string { return w.Webhook(id) + "/disable" }

// WebhookEnable returns the path for enabling an endpoint.
func (w Workspace) WebhookEnable(id string) string { return w.Webhook(id) + "/enable" }

// WebhookDelete returns the path for deleting an endpoint.
func (w Workspace) WebhookDelete(id string) string { return w.Webhook(id) + "/delete" }

// WebhookPing returns the path for sending a ping to an endpoint.
func (w Workspace) WebhookPing(id string) string { return w.Webhook(id) + "/ping" }

// WebhookExample returns the path for sending an example to an endpoint.
func (w Workspace) WebhookExample(id string) string { return w.Webhook(id) + "/example" }

// WebhookReplay returns the path for sending the events of a period to an endpoint again.
func (w Workspace) WebhookReplay(id string) string { return w.Webhook(id) + "/replay" }

// WebhookRetryFailed returns the path for retrying all failed deliveries to an endpoint.
func (w Workspace) WebhookRetryFailed(id string) string { return w.Webhook(id) + "/retry-failed" }

// WebhookDelivery returns the path of the page of a delivery to an endpoint.
func (w Workspace) WebhookDelivery(id, deliveryID string) string {
	return w.Webhook(id) + "/deliveries/" + url.PathEscape(deliveryID)
}

// WebhookRetry returns the path for retrying a delivery.
func (w Workspace) WebhookRetry(id, deliveryID string) string {
	return w.WebhookDelivery(id, deliveryID) + "/retry"
}

// WebhookCurl returns the path of a delivery as a curl command.
func (w Workspace) WebhookCurl(id, deliveryID string) string {
	return w.WebhookDelivery(id, deliveryID) + "/curl"
}
