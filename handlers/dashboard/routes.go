// Package dashboard serves the pages that people see.
package dashboard

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web"
)

// Who may ask for a route.
var (
	anybody = []echo.MiddlewareFunc{}
	user    = []echo.MiddlewareFunc{web.RequireUser}
	admin   = []echo.MiddlewareFunc{web.RequireUser, web.RequireAdmin}
)

// Register adds the routes of the dashboard to e. Its pages say what of opened, the routes of
// the API, a key opens.
func Register(e *echo.Echo, store *models.Store, opened api.Table) {
	var (
		setup   = setUp{store}
		session = sessions{store}
		account = accounts{store}
		keys    = apiKeys{store, opened}
		log     = auditLog{store}
	)
	for _, route := range []struct {
		method, path string
		may          []echo.MiddlewareFunc
		handle       echo.HandlerFunc
	}{
		{http.MethodGet, path.Home, user, home},
		{http.MethodGet, path.SetUp + ":token", anybody, setup.ask},
		{http.MethodPost, path.SetUp + ":token", anybody, setup.create},

		{http.MethodGet, path.SignIn, anybody, session.ask},
		{http.MethodPost, path.SignIn, anybody, session.create},
		{http.MethodPost, path.SignOut, user, session.delete},
		{http.MethodPost, path.CurrentWorkspace, user, session.switchWorkspace},
		{http.MethodPost, path.Appearance, anybody, session.setTheme},

		{http.MethodGet, path.Account, user, account.show},
		{http.MethodPost, path.AccountPassword, user, account.changePassword},
		{http.MethodPost, path.AccountSessions, user, account.signOutEverywhere},

		{http.MethodGet, path.APIKeys, admin, keys.list},
		{http.MethodPost, path.APIKeys, admin, keys.create},
		{http.MethodGet, path.NewAPIKey, admin, keys.ask},
		{http.MethodPost, path.NewAPIKey, admin, keys.applyPreset},
		{http.MethodGet, path.APIKey(":id"), admin, keys.show},
		{http.MethodPost, path.APIKey(":id"), admin, keys.rename},
		{http.MethodGet, path.APIKeyUsage(":id"), admin, keys.usage},
		{http.MethodGet, path.APIKeyUsageCounts(":id"), admin, keys.usageCounts},
		{http.MethodGet, path.APIKeyUsageCallers(":id"), admin, keys.usageCallers},
		{http.MethodGet, path.APIKeyAccess(":id"), admin, keys.askAccess},
		{http.MethodPost, path.APIKeyAccess(":id"), admin, keys.changeAccess},
		{http.MethodGet, path.APIKeyPause(":id"), admin, keys.askPause},
		{http.MethodPost, path.APIKeyPause(":id"), admin, keys.pause},
		{http.MethodPost, path.APIKeyResumption(":id"), admin, keys.resume},
		{http.MethodGet, path.APIKeyDeletion(":id"), admin, keys.askDeletion},
		{http.MethodPost, path.APIKeyDeletion(":id"), admin, keys.delete},

		{http.MethodGet, path.AuditLog, admin, log.show},
		{http.MethodGet, path.AuditLogCSV, admin, log.download},
	} {
		e.Add(route.method, route.path, route.handle, route.may...)
	}
}

// home is the page that people come for: the keys for an admin, else the account.
func home(c echo.Context) error {
	if web.MayAdminister(c) {
		return web.Redirect(c, path.APIKeys)
	}
	return web.Redirect(c, path.Account)
}
