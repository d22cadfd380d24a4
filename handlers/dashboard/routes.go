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

// Middleware that restricts who may use a route.
var (
	anyone = []echo.MiddlewareFunc{}
	bearer = []echo.MiddlewareFunc{web.KeepURLSecret} // anyone with the link
	user   = []echo.MiddlewareFunc{web.RequireUser}
	admin  = []echo.MiddlewareFunc{web.RequireUser, web.RequireAdmin}
)

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
func Register(server *web.Server, store *models.Store, flushUsage func(context.Context), routes api.Table) {
	pages := server.Pages
	adminWithUsage := append(slices.Clone(admin), latestUsage(flushUsage))
	var (
		setup       = setUp{store}
		session     = sessions{store}
		reset       = passwordResets{store}
		account     = accounts{store}
		keys        = apiKeys{store, routes, server.UntrustedProxy}
		invitations = invitationsHandler{store}
		members     = membersHandler{store}
		seats       = seatsHandler{store}
		policies    = keyPolicies{store}
		log         = auditLog{store}
		leaks       = leaksHandler{store}
		webhooks    = webhooksHandler{store}
		search      = searchHandler{store}
		tests       = testWorkspaces{store}
	)
	for _, route := range []struct {
		method, path string
		may          []echo.MiddlewareFunc
		handle       echo.HandlerFunc
	}{
		{http.MethodGet, path.Root, user, root},
		{http.MethodGet, path.SetUp + ":token", bearer, setup.new},
		{http.MethodPost, path.SetUp + ":token", bearer, setup.create},

		{http.MethodGet, path.SignIn, anyone, session.new},
		{http.MethodPost, path.SignIn, anyone, session.create},
		{http.MethodGet, path.SignInCode, anyone, session.askCode},
		{http.MethodPost, path.SignInCode, anyone, session.enterCode},
		{http.MethodPost, path.SignOut, user, session.delete},
		{http.MethodGet, path.ForgotPassword, anyone, reset.ask},
		{http.MethodPost, path.ForgotPassword, anyone, reset.request},
		{http.MethodGet, path.ResetPassword + ":token", bearer, reset.choose},
		{http.MethodPost, path.ResetPassword + ":token", bearer, reset.change},
		{http.MethodPost, path.CurrentWorkspace, user, session.switchWorkspace},
		{http.MethodGet, path.TestWorkspace, admin, tests.open().ask},
		{http.MethodPost, path.TestWorkspace, admin, tests.open().act},
		{http.MethodPost, path.Appearance, anyone, session.setPreference},

		{http.MethodGet, path.Docs, anyone, guides},
		{http.MethodGet, path.DocsOf(":resource"), anyone, reference},

		{http.MethodGet, path.Search, user, search.new},
		{http.MethodPost, path.Search, user, search.find},
		{http.MethodGet, path.Shortcuts, user, search.shortcuts},

		{http.MethodGet, path.Account, user, account.show},
		{http.MethodGet, path.AccountName, user, account.name().ask},
		{http.MethodPost, path.AccountName, user, account.name().act},
		{http.MethodGet, path.AccountEmail, user, account.email().ask},
		{http.MethodPost, path.AccountEmail, user, account.email().act},
		{http.MethodGet, path.ConfirmEmail + ":token", bearer, account.askConfirmation},
		{http.MethodPost, path.ConfirmEmail + ":token", bearer, account.confirm},
		{http.MethodPost, path.AccountPassword, user, account.changePassword},
		{http.MethodGet, path.SecondFactor, user, account.setUp().ask},
		{http.MethodPost, path.SecondFactor, user, account.setUp().act},
		{http.MethodGet, path.RemoveSecondFactor, user, account.removeSecondFactor().ask},
		{http.MethodPost, path.RemoveSecondFactor, user, account.removeSecondFactor().act},
		{http.MethodGet, path.RecoveryCodes, user, account.replaceCodes().ask},
		{http.MethodPost, path.RecoveryCodes, user, account.replaceCodes().act},
		{http.MethodPost, path.AccountSessions, user, account.signOutEverywhere},
		{http.MethodPost, path.EndSession, user, account.endSession},

		{http.MethodGet, path.APIKeys, admin, keys.list},
		{http.MethodPost, path.APIKeys, admin, keys.create},
		{http.MethodGet, path.NewAPIKey, admin, keys.ask},
		{http.MethodPost, path.NewAPIKey, admin, keys.applyPreset},
		{http.MethodGet, path.APIKeyLeaks, admin, leaks.new},
		{http.MethodPost, path.APIKeyLeaks, append(slices.Clone(admin), web.AllowUploads), leaks.check},
		{http.MethodGet, path.APIKeyReview, adminWithUsage, keys.review},
		{http.MethodGet, path.APIKeyBulkDelete, adminWithUsage, keys.askBulkDelete},
		{http.MethodPost, path.APIKeyBulkDelete, admin, keys.bulkDelete},
		{http.MethodGet, path.APIKeyReceipts, admin, keys.receipts},
		{http.MethodGet, path.APIKeyShorten, admin, keys.askShorten},
		{http.MethodPost, path.APIKeyShorten, admin, keys.shorten},
		{http.MethodGet, path.APIKey(":id"), adminWithUsage, keys.show},
		{http.MethodPost, path.APIKey(":id"), admin, keys.details().act},
		{http.MethodGet, path.APIKeyUsage(":id"), adminWithUsage, keys.usage},
		{http.MethodGet, path.APIKeyUsageCounts(":id"), adminWithUsage, keys.usageCounts},
		{http.MethodGet, path.APIKeyUsageCallers(":id"), adminWithUsage, keys.usageCallers},
		{http.MethodGet, path.APIKeyAccess(":id"), admin, keys.access().ask},
		{http.MethodPost, path.APIKeyAccess(":id"), admin, keys.access().act},
		{http.MethodGet, path.APIKeyPause(":id"), admin, keys.pause().ask},
		{http.MethodPost, path.APIKeyPause(":id"), admin, keys.pause().act},
		{http.MethodPost, path.APIKeyResume(":id"), admin, keys.resume},
		{http.MethodGet, path.APIKeyRotation(":id"), adminWithUsage, keys.rotation},
		{http.MethodPost, path.APIKeyRotation(":id"), admin, keys.rotate().act},
		{http.MethodGet, path.APIKeyRotationFinish(":id"), adminWithUsage, keys.finishRotation().ask},
		{http.MethodPost, path.APIKeyRotationFinish(":id"), admin, keys.finishRotation().act},
		{http.MethodGet, path.APIKeyRotationCancel(":id"), admin, keys.cancelRotation().ask},
		{http.MethodPost, path.APIKeyRotationCancel(":id"), admin, keys.cancelRotation().act},
		{http.MethodGet, path.APIKeyDelete(":id"), adminWithUsage, keys.delete().ask},
		{http.MethodPost, path.APIKeyDelete(":id"), admin, keys.delete().act},
		{http.MethodGet, path.APIKeyScheduleDeletion(":id"), adminWithUsage, keys.scheduleDeletion().ask},
		{http.MethodPost, path.APIKeyScheduleDeletion(":id"), admin, keys.scheduleDeletion().act},
		{http.MethodGet, path.APIKeyCancelDeletion(":id"), adminWithUsage, keys.cancelDeletion().ask},
		{http.MethodPost, path.APIKeyCancelDeletion(":id"), admin, keys.cancelDeletion().act},

		{http.MethodGet, path.Invitations + ":token", bearer, invitations.show},
		{http.MethodPost, path.Invitations + ":token", bearer, invitations.accept},

		{http.MethodGet, path.Members, admin, members.list},
		{http.MethodPost, path.Members, admin, members.create().act},
		{http.MethodGet, path.NewMember, admin, members.create().ask},
		{http.MethodGet, path.Member(":id"), admin, members.role().ask},
		{http.MethodPost, path.MemberRole(":id"), admin, members.role().act},
		{http.MethodGet, path.MemberDeactivate(":id"), admin, members.deactivate().ask},
		{http.MethodPost, path.MemberDeactivate(":id"), admin, members.deactivate().act},
		{http.MethodPost, path.MemberReactivate(":id"), admin, members.reactivate().act},
		{http.MethodGet, path.MemberDetails(":id"), admin, members.correct().ask},
		{http.MethodPost, path.MemberDetails(":id"), admin, members.correct().act},
		{http.MethodPost, path.MemberEndSession(":id"), admin, members.endSession().act},
		{http.MethodPost, path.MemberResetLink(":id"), admin, members.createResetLink().act},
		{http.MethodPost, path.MemberSecondFactor(":id"), admin, members.removeSecondFactor().act},
		{http.MethodPost, path.MemberInvitation(":id"), admin, members.createLink().act},
		{http.MethodPost, path.MemberInvitationEmail(":id"), admin, members.resendEmail().act},

		{http.MethodGet, path.Seats, admin, seats.list},
		{http.MethodPost, path.Seats, admin, seats.assign().act},
		{http.MethodGet, path.NewSeat, admin, seats.assign().ask},
		{http.MethodGet, path.SeatCapacity, admin, seats.capacity().ask},
		{http.MethodPost, path.SeatCapacity, admin, seats.capacity().act},
		{http.MethodGet, path.SeatRelease(":id"), admin, seats.release().ask},
		{http.MethodPost, path.SeatRelease(":id"), admin, seats.release().act},

		{http.MethodGet, path.Webhooks, admin, webhooks.list},
		{http.MethodPost, path.Webhooks, admin, webhooks.create().act},
		{http.MethodGet, path.NewWebhook, admin, webhooks.create().ask},
		{http.MethodGet, path.Webhook(":id"), admin, webhooks.show},
		{http.MethodPost, path.Webhook(":id"), admin, webhooks.edit().act},
		{http.MethodGet, path.WebhookEdit(":id"), admin, webhooks.edit().ask},
		{http.MethodGet, path.WebhookSecret(":id"), admin, webhooks.rotateSecret().ask},
		{http.MethodPost, path.WebhookSecret(":id"), admin, webhooks.rotateSecret().act},
		{http.MethodGet, path.WebhookDisable(":id"), admin, webhooks.disable().ask},
		{http.MethodPost, path.WebhookDisable(":id"), admin, webhooks.disable().act},
		{http.MethodPost, path.WebhookEnable(":id"), admin, webhooks.enable},
		{http.MethodGet, path.WebhookDelete(":id"), admin, webhooks.delete().ask},
		{http.MethodPost, path.WebhookDelete(":id"), admin, webhooks.delete().act},
		{http.MethodPost, path.WebhookPing(":id"), admin, webhooks.ping},
		{http.MethodGet, path.WebhookExample(":id"), admin, webhooks.example().ask},
		{http.MethodPost, path.WebhookExample(":id"), admin, webhooks.example().act},
		{http.MethodGet, path.WebhookReplay(":id"), admin, webhooks.replay().ask},
		{http.MethodPost, path.WebhookReplay(":id"), admin, webhooks.replay().act},
		{http.MethodPost, path.WebhookRetryFailed(":id"), admin, webhooks.retryFailed},
		{http.MethodGet, path.WebhookDelivery(":id", ":delivery_id"), admin, webhooks.delivery},
		{http.MethodGet, path.WebhookCurl(":id", ":delivery_id"), admin, webhooks.curl},
		{http.MethodPost, path.WebhookRetry(":id", ":delivery_id"), admin, webhooks.retry},

		{http.MethodGet, path.Policy, admin, policies.edit().ask},
		{http.MethodPost, path.Policy, admin, policies.edit().act},

		{http.MethodGet, path.AuditLog, admin, log.show},
		{http.MethodGet, path.AuditLogCSV, admin, log.download},
		{http.MethodGet, path.FailedSignIns, admin, log.failedSignIns},
	} {
		route.handle = proofs{store}.requireSecondFactor(route.path, route.handle)
		if asksPassword, needed := stepUp[endpoint{route.method, route.path}]; needed {
			route.handle = proofs{store}.require(asksPassword, route.handle)
		}
		pages.Add(route.method, route.path, route.handle, route.may...)
	}
}

// root redirects admins to the API keys and others to their account.
func root(c echo.Context) error {
	if web.MayAdminister(c) {
		return web.Redirect(c, path.APIKeys)
	}
	return web.Redirect(c, path.Account)
}
