// Package dashboard serves the pages for people.
package dashboard

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// access determines who may use a route.
type access struct {
	permission models.Permission // that the caller needs in the current workspace; empty if none
	middleware []echo.MiddlewareFunc
}

// Who may use a route. Those who may view a workspace are its members, and the others have the permission of
// the same name.
var (
	anyone          = access{}
	bearer          = access{middleware: []echo.MiddlewareFunc{web.KeepURLSecret}} // anyone with the link
	user            = access{middleware: []echo.MiddlewareFunc{web.RequireUser}}
	member          = permitted(models.ViewWorkspace)
	manageKeys      = permitted(models.ManageKeys)
	manageWebhooks  = permitted(models.ManageWebhooks)
	manageMembers   = permitted(models.ManageMembers)
	manageSeats     = permitted(models.ManageSeats)
	managePolicy    = permitted(models.ManagePolicy)
	manageWorkspace = permitted(models.ManageWorkspace)
)

func permitted(permission models.Permission) access {
	return access{permission, []echo.MiddlewareFunc{web.RequireUser, web.Require(permission)}}
}

// with returns the access with middleware that runs after the check.
func (a access) with(more echo.MiddlewareFunc) access {
	a.middleware = append(slices.Clone(a.middleware), more)
	return a
}

// route is a route of the dashboard.
type route struct {
	method, path string
	access       access
	handle       echo.HandlerFunc
}

// latestUsage makes a page show the requests that this node has counted but not yet stored.
func latestUsage(flush func(context.Context)) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			flush(c.Request().Context())
			return next(c)
		}
	}
}

// Register adds the routes of the dashboard to server. Its pages show which of the API's routes a key
// can call. Pages that show usage up to the second call flushUsage first.
func Register(server *web.Server, store *models.Store, flushUsage func(context.Context), routes api.Table, options web.Options) {
	for _, r := range table(server, store, flushUsage, routes, options) {
		handle := proofs{store}.requireSecondFactor(r.path, r.handle)
		if asksPassword, needed := stepUp[endpoint{r.method, r.path}]; needed {
			handle = proofs{store}.require(asksPassword, handle)
		}
		handle = requireSingleSignOn(r.path, handle)
		server.Pages.Add(r.method, r.path, handle, r.access.middleware...)
	}
}

// table returns the routes of the dashboard.
func table(server *web.Server, store *models.Store, flushUsage func(context.Context), routes api.Table, options web.Options) []route {
	var (
		setup       = setUp{store}
		session     = sessions{store}
		provider    = singleSignOn{store, options.SingleSignOn, options.Log}
		reset       = passwordResets{store}
		account     = accounts{store}
		keys        = apiKeys{store, routes, server.UntrustedProxy}
		invitations = invitationsHandler{store}
		members     = membersHandler{store}
		seats       = seatsHandler{store}
		policies    = keyPolicies{store}
		log         = auditLog{store}
		notices     = notificationsHandler{store}
		leaks       = leaksHandler{store}
		webhooks    = webhooksHandler{store}
		search      = searchHandler{store}
		tests       = testWorkspaces{store}
		spaces      = workspaces{store}
		usage       = latestUsage(flushUsage)
	)
	return []route{
		{http.MethodGet, path.Root, user, root},
		{http.MethodGet, path.SetUp + ":token", bearer, setup.new},
		{http.MethodPost, path.SetUp + ":token", bearer, setup.create},

		{http.MethodGet, path.SignIn, anyone, session.new},
		{http.MethodPost, path.SignIn, anyone, session.create},
		{http.MethodGet, path.SignInCode, anyone, session.askCode},
		{http.MethodPost, path.SignInCode, anyone, session.enterCode},
		{http.MethodPost, path.SignInCodeOptions, anyone, session.codeOptions},
		{http.MethodPost, path.SignInPasskey, anyone, session.enterPasskey},
		{http.MethodPost, path.SignInOptions, anyone, session.passkeyOptions},
		{http.MethodGet, path.SingleSignOn, anyone, provider.begin},
		{http.MethodGet, path.SingleSignOnReturn, bearer, provider.complete},
		{http.MethodPost, path.SingleSignOnLogout, anyone, provider.logOut},
		{http.MethodGet, path.SingleSignOnNeeded, user, provider.needed},
		{http.MethodPost, path.SignOut, user, session.delete},
		{http.MethodGet, path.ForgotPassword, anyone, reset.ask},
		{http.MethodPost, path.ForgotPassword, anyone, reset.request},
		{http.MethodGet, path.ResetPassword + ":token", bearer, reset.choose},
		{http.MethodPost, path.ResetPassword + ":token", bearer, reset.change},
		{http.MethodPost, path.CurrentWorkspace, user, session.switchWorkspace},
		{http.MethodGet, path.TestWorkspace, manageWorkspace, tests.open().ask},
		{http.MethodPost, path.TestWorkspace, manageWorkspace, tests.open().act},
		{http.MethodGet, path.Workspace, member, spaces.show},
		{http.MethodGet, path.WorkspaceName, manageWorkspace, spaces.rename().ask},
		{http.MethodPost, path.WorkspaceName, manageWorkspace, spaces.rename().act},
		{http.MethodGet, path.WorkspaceLeave, user, spaces.leave().ask},
		{http.MethodPost, path.WorkspaceLeave, user, spaces.leave().act},
		{http.MethodGet, path.WorkspaceDelete, manageWorkspace, spaces.delete().ask},
		{http.MethodPost, path.WorkspaceDelete, manageWorkspace, spaces.delete().act},
		{http.MethodGet, path.WorkspaceExport, manageWorkspace, spaces.export},
		{http.MethodGet, path.NewWorkspace, manageWorkspace, spaces.create().ask},
		{http.MethodPost, path.NewWorkspace, manageWorkspace, spaces.create().act},
		{http.MethodPost, path.Appearance, anyone, session.setPreference},

		{http.MethodGet, path.Docs, anyone, guides},
		{http.MethodGet, path.DocsOf(":resource"), anyone, reference},

		{http.MethodGet, path.Search, user, search.new},
		{http.MethodPost, path.Search, user, search.find},
		{http.MethodGet, path.Shortcuts, user, search.shortcuts},

		{http.MethodGet, path.Account, user, account.show},
		{http.MethodGet, path.AccountName, user, account.name().ask},
		{http.MethodPost, path.AccountName, user, account.name().act},
		{http.MethodGet, path.AccountDelete, user, account.delete().ask},
		{http.MethodPost, path.AccountDelete, user, account.delete().act},
		{http.MethodGet, path.AccountEmail, user, account.email().ask},
		{http.MethodPost, path.AccountEmail, user, account.email().act},
		{http.MethodGet, path.ConfirmEmail + ":token", bearer, account.askConfirmation},
		{http.MethodPost, path.ConfirmEmail + ":token", bearer, account.confirm},
		{http.MethodPost, path.AccountPassword, user, account.changePassword},
		{http.MethodGet, path.SecondFactor, user, account.setUp().ask},
		{http.MethodPost, path.SecondFactor, user, account.setUp().act},
		{http.MethodGet, path.RemoveSecondFactor, user, account.removeApp().ask},
		{http.MethodPost, path.RemoveSecondFactor, user, account.removeApp().act},
		{http.MethodGet, path.RecoveryCodes, user, account.replaceCodes().ask},
		{http.MethodPost, path.RecoveryCodes, user, account.replaceCodes().act},
		{http.MethodGet, path.Passkeys, user, account.addPasskey().ask},
		{http.MethodPost, path.Passkeys, user, account.addPasskey().act},
		{http.MethodPost, path.PasskeyOptions, user, account.passkeyOptions},
		{http.MethodGet, path.Passkey(":id"), user, account.renamePasskey().ask},
		{http.MethodPost, path.Passkey(":id"), user, account.renamePasskey().act},
		{http.MethodGet, path.RemovePasskey(":id"), user, account.removePasskey().ask},
		{http.MethodPost, path.RemovePasskey(":id"), user, account.removePasskey().act},
		{http.MethodPost, path.ProofOptions, user, account.proofOptions},
		{http.MethodPost, path.AccountEmails, user, account.chooseEmails},
		{http.MethodPost, path.AccountSessions, user, account.signOutEverywhere},
		{http.MethodPost, path.EndSession, user, account.endSession},

		{http.MethodGet, path.Notifications, user, notices.show},
		{http.MethodPost, path.NotificationsRead, user, notices.markRead},

		{http.MethodGet, path.APIKeys, member, keys.list},
		{http.MethodPost, path.APIKeys, manageKeys, keys.create},
		{http.MethodGet, path.NewAPIKey, manageKeys, keys.ask},
		{http.MethodPost, path.NewAPIKey, manageKeys, keys.applyPreset},
		{http.MethodGet, path.APIKeyLeaks, manageKeys, leaks.new},
		{http.MethodPost, path.APIKeyLeaks, manageKeys.with(web.AllowUploads), leaks.check},
		{http.MethodGet, path.APIKeyReview, member.with(usage), keys.review},
		{http.MethodGet, path.APIKeyBulkDelete, manageKeys.with(usage), keys.askBulkDelete},
		{http.MethodPost, path.APIKeyBulkDelete, manageKeys, keys.bulkDelete},
		{http.MethodGet, path.APIKeyReceipts, member, keys.receipts},
		{http.MethodGet, path.APIKeyShorten, manageKeys, keys.askShorten},
		{http.MethodPost, path.APIKeyShorten, manageKeys, keys.shorten},
		{http.MethodGet, path.APIKey(":id"), member.with(usage), keys.show},
		{http.MethodPost, path.APIKey(":id"), manageKeys, keys.details().act},
		{http.MethodGet, path.APIKeyUsage(":id"), member.with(usage), keys.usage},
		{http.MethodGet, path.APIKeyUsageCounts(":id"), member.with(usage), keys.usageCounts},
		{http.MethodGet, path.APIKeyUsageCallers(":id"), member.with(usage), keys.usageCallers},
		{http.MethodGet, path.APIKeyAccess(":id"), manageKeys, keys.access().ask},
		{http.MethodPost, path.APIKeyAccess(":id"), manageKeys, keys.access().act},
		{http.MethodGet, path.APIKeyPause(":id"), manageKeys, keys.pause().ask},
		{http.MethodPost, path.APIKeyPause(":id"), manageKeys, keys.pause().act},
		{http.MethodPost, path.APIKeyResume(":id"), manageKeys, keys.resume},
		{http.MethodGet, path.APIKeyRotation(":id"), member.with(usage), keys.rotation},
		{http.MethodPost, path.APIKeyRotation(":id"), manageKeys, keys.rotate().act},
		{http.MethodGet, path.APIKeyRotationFinish(":id"), manageKeys.with(usage), keys.finishRotation().ask},
		{http.MethodPost, path.APIKeyRotationFinish(":id"), manageKeys, keys.finishRotation().act},
		{http.MethodGet, path.APIKeyRotationCancel(":id"), manageKeys, keys.cancelRotation().ask},
		{http.MethodPost, path.APIKeyRotationCancel(":id"), manageKeys, keys.cancelRotation().act},
		{http.MethodGet, path.APIKeyDelete(":id"), manageKeys.with(usage), keys.delete().ask},
		{http.MethodPost, path.APIKeyDelete(":id"), manageKeys, keys.delete().act},
		{http.MethodGet, path.APIKeyScheduleDeletion(":id"), manageKeys.with(usage), keys.scheduleDeletion().ask},
		{http.MethodPost, path.APIKeyScheduleDeletion(":id"), manageKeys, keys.scheduleDeletion().act},
		{http.MethodGet, path.APIKeyCancelDeletion(":id"), manageKeys.with(usage), keys.cancelDeletion().ask},
		{http.MethodPost, path.APIKeyCancelDeletion(":id"), manageKeys, keys.cancelDeletion().act},

		{http.MethodGet, path.Invitations + ":token", bearer, invitations.show},
		{http.MethodPost, path.Invitations + ":token", bearer, invitations.accept},

		{http.MethodGet, path.Members, member, members.list},
		{http.MethodPost, path.Members, manageMembers, members.create().act},
		{http.MethodGet, path.NewMember, manageMembers, members.create().ask},
		{http.MethodGet, path.Member(":id"), member, members.role().ask},
		{http.MethodPost, path.MemberRole(":id"), manageMembers, members.role().act},
		{http.MethodGet, path.MemberDeactivate(":id"), manageMembers, members.deactivate().ask},
		{http.MethodPost, path.MemberDeactivate(":id"), manageMembers, members.deactivate().act},
		{http.MethodPost, path.MemberReactivate(":id"), manageMembers, members.reactivate().act},
		{http.MethodGet, path.MemberDetails(":id"), manageMembers, members.correct().ask},
		{http.MethodPost, path.MemberDetails(":id"), manageMembers, members.correct().act},
		{http.MethodPost, path.MemberEndSession(":id"), manageMembers, members.endSession().act},
		{http.MethodPost, path.MemberResetLink(":id"), manageMembers, members.createResetLink().act},
		{http.MethodPost, path.MemberSecondFactor(":id"), manageMembers, members.removeSecondFactor().act},
		{http.MethodPost, path.MemberInvitation(":id"), manageMembers, members.createLink().act},
		{http.MethodPost, path.MemberInvitationEmail(":id"), manageMembers, members.resendEmail().act},

		{http.MethodGet, path.Seats, member, seats.list},
		{http.MethodPost, path.Seats, manageSeats, seats.assign().act},
		{http.MethodGet, path.NewSeat, manageSeats, seats.assign().ask},
		{http.MethodGet, path.SeatCapacity, manageSeats, seats.capacity().ask},
		{http.MethodPost, path.SeatCapacity, manageSeats, seats.capacity().act},
		{http.MethodGet, path.SeatRelease(":id"), manageSeats, seats.release().ask},
		{http.MethodPost, path.SeatRelease(":id"), manageSeats, seats.release().act},

		{http.MethodGet, path.Webhooks, member, webhooks.list},
		{http.MethodPost, path.Webhooks, manageWebhooks, webhooks.create().act},
		{http.MethodGet, path.NewWebhook, manageWebhooks, webhooks.create().ask},
		{http.MethodGet, path.Webhook(":id"), member, webhooks.show},
		{http.MethodPost, path.Webhook(":id"), manageWebhooks, webhooks.edit().act},
		{http.MethodGet, path.WebhookEdit(":id"), manageWebhooks, webhooks.edit().ask},
		{http.MethodGet, path.WebhookSecret(":id"), manageWebhooks, webhooks.rotateSecret().ask},
		{http.MethodPost, path.WebhookSecret(":id"), manageWebhooks, webhooks.rotateSecret().act},
		{http.MethodGet, path.WebhookDisable(":id"), manageWebhooks, webhooks.disable().ask},
		{http.MethodPost, path.WebhookDisable(":id"), manageWebhooks, webhooks.disable().act},
		{http.MethodPost, path.WebhookEnable(":id"), manageWebhooks, webhooks.enable},
		{http.MethodGet, path.WebhookDelete(":id"), manageWebhooks, webhooks.delete().ask},
		{http.MethodPost, path.WebhookDelete(":id"), manageWebhooks, webhooks.delete().act},
		{http.MethodPost, path.WebhookPing(":id"), manageWebhooks, webhooks.ping},
		{http.MethodGet, path.WebhookExample(":id"), manageWebhooks, webhooks.example().ask},
		{http.MethodPost, path.WebhookExample(":id"), manageWebhooks, webhooks.example().act},
		{http.MethodGet, path.WebhookReplay(":id"), manageWebhooks, webhooks.replay().ask},
		{http.MethodPost, path.WebhookReplay(":id"), manageWebhooks, webhooks.replay().act},
		{http.MethodPost, path.WebhookRetryFailed(":id"), manageWebhooks, webhooks.retryFailed},
		{http.MethodGet, path.WebhookDelivery(":id", ":delivery_id"), member, webhooks.delivery},
		{http.MethodGet, path.WebhookCurl(":id", ":delivery_id"), manageWebhooks, webhooks.curl},
		{http.MethodPost, path.WebhookRetry(":id", ":delivery_id"), manageWebhooks, webhooks.retry},

		{http.MethodGet, path.Policy, member, policies.edit().ask},
		{http.MethodPost, path.Policy, managePolicy, policies.edit().act},

		{http.MethodGet, path.AuditLog, member, log.show},
		{http.MethodGet, path.AuditLogCSV, member, log.download},
		{http.MethodGet, path.FailedSignIns, member, log.failedSignIns},
	}
}

// root redirects members to the API keys and others to their account.
func root(c echo.Context) error {
	if web.May(c, models.ViewWorkspace) {
		return web.Redirect(c, path.APIKeys)
	}
	return web.Redirect(c, path.Account)
}
