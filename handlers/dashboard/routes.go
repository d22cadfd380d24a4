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
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// access determines who may use a route.
type access struct {
	permission models.Permission // that the caller needs in the workspace of the path; empty on routes outside of workspaces
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
	return access{permission, []echo.MiddlewareFunc{web.RequireUser, web.RequireMember, web.Require(permission)}}
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
	all := table(server, store, flushUsage, routes, options)
	for _, r := range all {
		handle := r.handle
		if r.access.permission != "" {
			handle = proofs{store}.requireSecondFactor(handle)
		}
		if asksPassword, needed := stepUp[endpoint{r.method, r.path}]; needed {
			handle = proofs{store}.require(asksPassword, handle)
		}
		handle = requireSingleSignOn(r, handle)
		server.Pages.Add(r.method, r.path, handle, r.access.middleware...)
	}
	for _, r := range withoutWorkspace(all) {
		server.Pages.Add(r.method, r.path, r.handle, r.access.middleware...)
	}
}

// inWorkspace is the workspace in the paths of routes. Handlers of such routes require that the caller is its member.
const inWorkspace path.Workspace = ":" + web.WorkspaceParam

// withoutWorkspace returns routes for the paths that the routes in workspaces had before their paths named the
// workspace. They keep bookmarks working.
func withoutWorkspace(all []route) []route {
	var old []route
	for _, r := range all {
		unprefixed := path.Workspace("").Page(r.path)
		taken := slices.ContainsFunc(all, func(other route) bool { return other.method == r.method && other.path == unprefixed })
		switch {
		case r.access.permission == "" || taken:
		case r.method == http.MethodGet:
			old = append(old, route{r.method, unprefixed, user.with(web.Require(models.ViewWorkspace)), toLastWorkspace})
		default:
			old = append(old, route{r.method, unprefixed, user, rejectOldForm})
		}
	}
	return old
}

// toLastWorkspace redirects to the same page of the workspace last used.
func toLastWorkspace(c echo.Context) error {
	url := in(c).Page(c.Request().URL.RequestURI())
	if err := web.MoveNotice(c, url); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, url)
}

// leadMembers makes a page for people without a workspace lead others to that of the workspace last used.
func leadMembers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch {
		case viewer.Of(c.Request().Context()).Member == nil:
			return next(c)
		case c.Request().Method == http.MethodPost:
			return rejectOldForm(c)
		}
		return toLastWorkspace(c)
	}
}

// rejectOldForm rejects a form that doesn't name its workspace.
func rejectOldForm(echo.Context) error {
	return &web.RequestError{Status: http.StatusConflict, Type: "conflict",
		Message: "This form doesn’t name its workspace, so nothing was saved. Open the page again and resubmit the form."}
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
		{http.MethodGet, inWorkspace.TestWorkspace(), manageWorkspace, tests.open().ask},
		{http.MethodPost, inWorkspace.TestWorkspace(), manageWorkspace, tests.open().act},
		{http.MethodGet, inWorkspace.Workspace(), member, spaces.show},
		{http.MethodGet, inWorkspace.WorkspaceName(), manageWorkspace, spaces.rename().ask},
		{http.MethodPost, inWorkspace.WorkspaceName(), manageWorkspace, spaces.rename().act},
		{http.MethodGet, inWorkspace.WorkspaceLeave(), member, spaces.leave().ask},
		{http.MethodPost, inWorkspace.WorkspaceLeave(), member, spaces.leave().act},
		{http.MethodGet, inWorkspace.WorkspaceDelete(), manageWorkspace, spaces.delete().ask},
		{http.MethodPost, inWorkspace.WorkspaceDelete(), manageWorkspace, spaces.delete().act},
		{http.MethodGet, inWorkspace.WorkspaceExport(), manageWorkspace, spaces.export},
		{http.MethodGet, inWorkspace.NewWorkspace(), manageWorkspace, spaces.create().ask},
		{http.MethodPost, inWorkspace.NewWorkspace(), manageWorkspace, spaces.create().act},
		{http.MethodPost, path.Appearance, anyone, session.setPreference},

		{http.MethodGet, path.Docs, anyone, guides},
		{http.MethodGet, path.DocsOf(":resource"), anyone, reference},

		{http.MethodGet, inWorkspace.Search(), member, search.new},
		{http.MethodPost, inWorkspace.Search(), member, search.find},
		{http.MethodGet, path.Workspace("").Search(), user.with(leadMembers), search.new},
		{http.MethodPost, path.Workspace("").Search(), user.with(leadMembers), search.findCommand},
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

		{http.MethodGet, inWorkspace.Notifications(), member, notices.show},
		{http.MethodPost, inWorkspace.NotificationsRead(), member, notices.markRead},
		{http.MethodGet, path.Workspace("").Notifications(), user.with(leadMembers), notices.show},
		{http.MethodPost, path.Workspace("").NotificationsRead(), user.with(leadMembers), notices.markRead},

		{http.MethodGet, inWorkspace.APIKeys(), member, keys.list},
		{http.MethodPost, inWorkspace.APIKeys(), manageKeys, keys.create},
		{http.MethodGet, inWorkspace.NewAPIKey(), manageKeys, keys.ask},
		{http.MethodPost, inWorkspace.NewAPIKey(), manageKeys, keys.applyPreset},
		{http.MethodGet, inWorkspace.APIKeyLeaks(), manageKeys, leaks.new},
		{http.MethodPost, inWorkspace.APIKeyLeaks(), manageKeys.with(web.AllowUploads), leaks.check},
		{http.MethodGet, inWorkspace.APIKeyReview(), member.with(usage), keys.review},
		{http.MethodGet, inWorkspace.APIKeyBulkDelete(), manageKeys.with(usage), keys.askBulkDelete},
		{http.MethodPost, inWorkspace.APIKeyBulkDelete(), manageKeys, keys.bulkDelete},
		{http.MethodGet, inWorkspace.APIKeyReceipts(), member, keys.receipts},
		{http.MethodGet, inWorkspace.APIKeyShorten(), manageKeys, keys.askShorten},
		{http.MethodPost, inWorkspace.APIKeyShorten(), manageKeys, keys.shorten},
		{http.MethodGet, inWorkspace.APIKeyOwner(), manageKeys, keys.askAssign},
		{http.MethodPost, inWorkspace.APIKeyOwner(), manageKeys, keys.assign},
		{http.MethodGet, inWorkspace.APIKey(":id"), member.with(usage), keys.show},
		{http.MethodPost, inWorkspace.APIKey(":id"), manageKeys, keys.details().act},
		{http.MethodGet, inWorkspace.APIKeyUsage(":id"), member.with(usage), keys.usage},
		{http.MethodGet, inWorkspace.APIKeyUsageCounts(":id"), member.with(usage), keys.usageCounts},
		{http.MethodGet, inWorkspace.APIKeyUsageCallers(":id"), member.with(usage), keys.usageCallers},
		{http.MethodGet, inWorkspace.APIKeyAccess(":id"), manageKeys, keys.access().ask},
		{http.MethodPost, inWorkspace.APIKeyAccess(":id"), manageKeys, keys.access().act},
		{http.MethodGet, inWorkspace.APIKeyPause(":id"), manageKeys, keys.pause().ask},
		{http.MethodPost, inWorkspace.APIKeyPause(":id"), manageKeys, keys.pause().act},
		{http.MethodPost, inWorkspace.APIKeyResume(":id"), manageKeys, keys.resume},
		{http.MethodGet, inWorkspace.APIKeyRotation(":id"), member.with(usage), keys.rotation},
		{http.MethodPost, inWorkspace.APIKeyRotation(":id"), manageKeys, keys.rotate().act},
		{http.MethodGet, inWorkspace.APIKeyRotationFinish(":id"), manageKeys.with(usage), keys.finishRotation().ask},
		{http.MethodPost, inWorkspace.APIKeyRotationFinish(":id"), manageKeys, keys.finishRotation().act},
		{http.MethodGet, inWorkspace.APIKeyRotationCancel(":id"), manageKeys, keys.cancelRotation().ask},
		{http.MethodPost, inWorkspace.APIKeyRotationCancel(":id"), manageKeys, keys.cancelRotation().act},
		{http.MethodGet, inWorkspace.APIKeyDelete(":id"), manageKeys.with(usage), keys.delete().ask},
		{http.MethodPost, inWorkspace.APIKeyDelete(":id"), manageKeys, keys.delete().act},
		{http.MethodGet, inWorkspace.APIKeyScheduleDeletion(":id"), manageKeys.with(usage), keys.scheduleDeletion().ask},
		{http.MethodPost, inWorkspace.APIKeyScheduleDeletion(":id"), manageKeys, keys.scheduleDeletion().act},
		{http.MethodGet, inWorkspace.APIKeyCancelDeletion(":id"), manageKeys.with(usage), keys.cancelDeletion().ask},
		{http.MethodPost, inWorkspace.APIKeyCancelDeletion(":id"), manageKeys, keys.cancelDeletion().act},

		{http.MethodGet, path.Invitations + ":token", bearer, invitations.show},
		{http.MethodPost, path.Invitations + ":token", bearer, invitations.accept},

		{http.MethodGet, inWorkspace.Members(), member, members.list},
		{http.MethodPost, inWorkspace.Members(), manageMembers, members.create().act},
		{http.MethodGet, inWorkspace.NewMember(), manageMembers, members.create().ask},
		{http.MethodGet, inWorkspace.Member(":id"), member, members.role().ask},
		{http.MethodPost, inWorkspace.MemberRole(":id"), manageMembers, members.role().act},
		{http.MethodGet, inWorkspace.MemberDeactivate(":id"), manageMembers, members.deactivate().ask},
		{http.MethodPost, inWorkspace.MemberDeactivate(":id"), manageMembers, members.deactivate().act},
		{http.MethodPost, inWorkspace.MemberReactivate(":id"), manageMembers, members.reactivate().act},
		{http.MethodGet, inWorkspace.MemberDetails(":id"), manageMembers, members.correct().ask},
		{http.MethodPost, inWorkspace.MemberDetails(":id"), manageMembers, members.correct().act},
		{http.MethodPost, inWorkspace.MemberEndSession(":id"), manageMembers, members.endSession().act},
		{http.MethodPost, inWorkspace.MemberResetLink(":id"), manageMembers, members.createResetLink().act},
		{http.MethodPost, inWorkspace.MemberSecondFactor(":id"), manageMembers, members.removeSecondFactor().act},
		{http.MethodPost, inWorkspace.MemberInvitation(":id"), manageMembers, members.createLink().act},
		{http.MethodPost, inWorkspace.MemberInvitationEmail(":id"), manageMembers, members.resendEmail().act},
		{http.MethodPost, inWorkspace.MemberInvitationRestore(":id"), manageMembers, members.restoreInvitation().act},

		{http.MethodGet, inWorkspace.Seats(), member, seats.list},
		{http.MethodPost, inWorkspace.Seats(), manageSeats, seats.assign().act},
		{http.MethodGet, inWorkspace.NewSeat(), manageSeats, seats.assign().ask},
		{http.MethodGet, inWorkspace.SeatCapacity(), manageSeats, seats.capacity().ask},
		{http.MethodPost, inWorkspace.SeatCapacity(), manageSeats, seats.capacity().act},
		{http.MethodGet, inWorkspace.SeatRelease(":id"), manageSeats, seats.release().ask},
		{http.MethodPost, inWorkspace.SeatRelease(":id"), manageSeats, seats.release().act},

		{http.MethodGet, inWorkspace.Webhooks(), member, webhooks.list},
		{http.MethodPost, inWorkspace.Webhooks(), manageWebhooks, webhooks.create().act},
		{http.MethodGet, inWorkspace.NewWebhook(), manageWebhooks, webhooks.create().ask},
		{http.MethodGet, inWorkspace.Webhook(":id"), member, webhooks.show},
		{http.MethodPost, inWorkspace.Webhook(":id"), manageWebhooks, webhooks.edit().act},
		{http.MethodGet, inWorkspace.WebhookEdit(":id"), manageWebhooks, webhooks.edit().ask},
		{http.MethodGet, inWorkspace.WebhookSecret(":id"), manageWebhooks, webhooks.rotateSecret().ask},
		{http.MethodPost, inWorkspace.WebhookSecret(":id"), manageWebhooks, webhooks.rotateSecret().act},
		{http.MethodGet, inWorkspace.WebhookDisable(":id"), manageWebhooks, webhooks.disable().ask},
		{http.MethodPost, inWorkspace.WebhookDisable(":id"), manageWebhooks, webhooks.disable().act},
		{http.MethodPost, inWorkspace.WebhookEnable(":id"), manageWebhooks, webhooks.enable},
		{http.MethodGet, inWorkspace.WebhookDelete(":id"), manageWebhooks, webhooks.delete().ask},
		{http.MethodPost, inWorkspace.WebhookDelete(":id"), manageWebhooks, webhooks.delete().act},
		{http.MethodPost, inWorkspace.WebhookPing(":id"), manageWebhooks, webhooks.ping},
		{http.MethodGet, inWorkspace.WebhookExample(":id"), manageWebhooks, webhooks.example().ask},
		{http.MethodPost, inWorkspace.WebhookExample(":id"), manageWebhooks, webhooks.example().act},
		{http.MethodGet, inWorkspace.WebhookReplay(":id"), manageWebhooks, webhooks.replay().ask},
		{http.MethodPost, inWorkspace.WebhookReplay(":id"), manageWebhooks, webhooks.replay().act},
		{http.MethodPost, inWorkspace.WebhookRetryFailed(":id"), manageWebhooks, webhooks.retryFailed},
		{http.MethodGet, inWorkspace.WebhookDelivery(":id", ":delivery_id"), member, webhooks.delivery},
		{http.MethodGet, inWorkspace.WebhookCurl(":id", ":delivery_id"), manageWebhooks, webhooks.curl},
		{http.MethodPost, inWorkspace.WebhookRetry(":id", ":delivery_id"), manageWebhooks, webhooks.retry},

		{http.MethodGet, inWorkspace.Policy(), member, policies.edit().ask},
		{http.MethodPost, inWorkspace.Policy(), managePolicy, policies.edit().act},

		{http.MethodGet, inWorkspace.AuditLog(), member, log.show},
		{http.MethodGet, inWorkspace.AuditLogCSV(), member, log.download},
		{http.MethodGet, inWorkspace.FailedSignIns(), member, log.failedSignIns},
	}
}

// root redirects members to the API keys and others to their account.
func root(c echo.Context) error {
	url := path.Account
	if web.May(c, models.ViewWorkspace) {
		url = in(c).APIKeys()
	}
	if err := web.MoveNotice(c, url); err != nil {
		return err
	}
	return web.Redirect(c, url)
}
