package main

import (
	"cmp"
	"context"
	"encoding"
	"errors"
	"net/url"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web/sso"
)

// issuerURL identifies a provider of OpenID Connect, empty for none. It stays as written, because the provider's
// configuration must have the same text.
type issuerURL string

var errIssuer = errors.New("use the issuer of your provider, an https URL without a query, such as https://id.example.com; http works only on this machine")

func (i *issuerURL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	u, err := url.Parse(string(text))
	switch {
	case err != nil, u.User != nil, u.RawQuery != "", u.Fragment != "", !isHost(u.Hostname()):
		return errIssuer
	case u.Scheme == "https", u.Scheme == "http" && listenAddress(u.Hostname()+":80").isLoopback():
		*i = issuerURL(text)
		return nil
	}
	return errIssuer
}

func (i issuerURL) host() string {
	u, err := url.Parse(string(i))
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// shortText is a text of at most 255 characters, or empty.
type shortText string

func (s *shortText) UnmarshalText(text []byte) error {
	if len(text) > 255 {
		return errors.New("use at most 255 characters")
	}
	*s = shortText(text)
	return nil
}

// words are texts without spaces and commas, separated by commas.
type words []string

func (w *words) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" || strings.ContainsAny(part, " \"\\") {
			return errors.New("use comma-separated names, such as groups,roles")
		}
		*w = append(*w, part)
	}
	return nil
}

// providerRoles are roles by groups of the provider.
type providerRoles []models.ProviderRole

var errRoles = errors.New("use comma-separated mappings GROUP=ROLE@WORKSPACE_ID, such as key-admins=admin@ws_01KKNTQ1T8J2VYX5NR753CWRGR, with the role viewer, key-manager, or admin")

func (r *providerRoles) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		split := strings.LastIndex(part, "=")
		if split < 1 {
			return errRoles
		}
		name, workspace, _ := strings.Cut(part[split+1:], "@")
		role, known := roleOf(name)
		if !known || !models.IsID(workspace) || !strings.HasPrefix(workspace, "ws_") {
			return errRoles
		}
		*r = append(*r, models.ProviderRole{Group: part[:split], Role: role, WorkspaceID: workspace})
	}
	return nil
}

var (
	oidcIssuerOption = option{
		"oidc-issuer", "SKIPUP_OIDC_ISSUER", "", "issuer `URL` of an OpenID Connect provider for single sign-on",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCIssuer },
	}
	oidcClientIDOption = option{
		"oidc-client-id", "SKIPUP_OIDC_CLIENT_ID", "", "client `ID` of this server at the provider",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCClientID },
	}
	// oidcClientSecretOption has no flag because other users of the machine can read command lines.
	oidcClientSecretOption = option{
		"", "SKIPUP_OIDC_CLIENT_SECRET", "", "",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCClientSecret },
	}
	oidcNameOption = option{
		"oidc-name", "SKIPUP_OIDC_NAME", "", "`name` of the provider on the sign-in page (default the host of the issuer)",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCName },
	}
	oidcScopesOption = option{
		"oidc-scopes", "SKIPUP_OIDC_SCOPES", "", "comma-separated `scopes` to request in addition to openid, email, and profile",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCScopes },
	}
	oidcEmailClaimOption = option{
		"oidc-email-claim", "SKIPUP_OIDC_EMAIL_CLAIM", "email_verified", "`claim` of the ID token that says whether the provider has verified the email",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCEmailClaim },
	}
	oidcRoleClaimOption = option{
		"oidc-role-claim", "SKIPUP_OIDC_ROLE_CLAIM", "groups", "`claim` of the ID token with the groups of a person, for --oidc-roles",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCRoleClaim },
	}
	oidcRolesOption = option{
		"oidc-roles", "SKIPUP_OIDC_ROLES", "", "comma-separated `mappings` of groups to roles, GROUP=ROLE@WORKSPACE_ID",
		func(s *settings) encoding.TextUnmarshaler { return &s.OIDCRoles },
	}
)

// oidcConflicts returns what is missing for single sign-on.
func (s settings) oidcConflicts() (wrong usageErrors) {
	switch {
	case s.OIDCIssuer == "" && (s.OIDCClientID != "" || s.OIDCClientSecret != "" || s.OIDCName != "" || len(s.OIDCScopes) > 0 || len(s.OIDCRoles) > 0):
		wrong.add("%s: required with the other settings of single sign-on", oidcIssuerOption.name())
	case s.OIDCIssuer == "":
	case s.OIDCClientID == "" || s.OIDCClientSecret == "":
		wrong.add("%s: requires %s and %s", oidcIssuerOption.name(), oidcClientIDOption.name(), oidcClientSecretOption.name())
	}
	return wrong
}

// provider returns the provider of single sign-on, or nil if there is none.
func (s settings) provider(publicURL string) *sso.Provider {
	if s.OIDCIssuer == "" {
		return nil
	}
	return sso.New(sso.Config{
		Name:   cmp.Or(string(s.OIDCName), s.OIDCIssuer.host()),
		Issuer: string(s.OIDCIssuer), ClientID: string(s.OIDCClientID), ClientSecret: string(s.OIDCClientSecret),
		RedirectURL: publicURL + path.SingleSignOnReturn, Scopes: s.OIDCScopes, GroupsClaim: string(s.OIDCRoleClaim), EmailClaim: string(s.OIDCEmailClaim),
	})
}

// checkOIDC checks that the provider of single sign-on can be reached, and that it is the one in the settings.
func checkOIDC(ctx context.Context, s settings) models.Diagnosis {
	const check = "single_sign_on"
	provider := s.provider(string(s.PublicURL))
	if provider == nil {
		return fine(check, "Single sign-on isn't set up.")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := provider.Discover(ctx); err != nil {
		return problem(check, "The provider of single sign-on can't be used. "+sentence(err),
			"Check "+oidcIssuerOption.name()+", and that this machine can reach it.")
	}
	if s.PublicURL == "" {
		return warning(check, "There is no public URL, to which the provider could send people back.", "Set "+publicURLOption.name()+".")
	}
	return fine(check, "The provider "+provider.Name()+" responds. It must know the redirect URL "+string(s.PublicURL)+path.SingleSignOnReturn+".")
}
