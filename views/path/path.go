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

// APIKeyDeletion is where a key is deleted, and the page that asks first.
func APIKeyDeletion(id string) string { return APIKey(id) + "/deletion" }

// APIKeyRotation is where a key is rotated: the form for it, and then the page of the rotation.
func APIKeyRotation(id string) string { return APIKey(id) + "/rotation" }

// APIKeyRotationEnd is where the old key of a rotation is deleted, and the page that asks first.
func APIKeyRotationEnd(id string) string { return APIKeyRotation(id) + "/end" }

// APIKeyRotationAbandonment is where the new key is deleted instead, and the page that asks first.
func APIKeyRotationAbandonment(id string) string { return APIKeyRotation(id) + "/abandonment" }

// SignInAnd is the sign-in page that goes on to next, an address of this site; empty for home.
func SignInAnd(next string) string {
	if next == "" || next == Home {
		return SignIn
	}
	return SignIn + "?" + url.Values{"next": {next}}.Encode()
}
