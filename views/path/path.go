// Package path builds the URL paths of the dashboard for routes, redirects and links.
//
// The path of a page that belongs to a workspace names it, so that a link works for all its members and tabs
// in different workspaces are independent. Such paths are methods of Workspace: pages call In(ctx).APIKeys(),
// and emails call Workspace(id).APIKeys(). The table of routes uses the same methods. Paths without a
// workspace are constants and functions.
package path

import "net/url"

// Paths outside of workspaces, without parameters.
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
	Appearance         = "/appearance"
	Shortcuts          = "/shortcuts"
	Account            = "/settings/account"
	AccountPassword    = "/settings/account/password"
	AccountSessions    = "/settings/account/sessions"
	AccountEmails      = Account + "/emails"
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
	Invitations        = "/invitations/"
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

// DocsOf returns the path of the API reference of a resource.
func DocsOf(slug string) string { return Docs + "/" + url.PathEscape(slug) }
