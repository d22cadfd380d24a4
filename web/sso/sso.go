// Package sso signs people in with a provider of OpenID Connect: with an authorization code, PKCE (RFC 7636), and a
// nonce.
package sso

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/skipup/keys/models"
)

const (
	// timeout limits each request to the provider.
	timeout = 5 * time.Second
	// maxResponse limits the size of the provider's responses, in bytes.
	maxResponse = 1 << 20
	// rediscovery is the time between attempts to reach a provider that is down.
	rediscovery = 2 * time.Second
	// leeway is how far the provider's clock may be off.
	leeway = time.Minute
	// logoutLife is how long after it was issued a logout token works.
	logoutLife = 5 * time.Minute
)

// Config describes a provider and the client that is registered with it.
type Config struct {
	Name         string // on buttons
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURL  string   // to which the provider sends people back
	Scopes       []string // to request in addition to openid, email, and profile
	GroupsClaim  string   // of the ID token, with the groups of a person
	// EmailClaim is the claim of the ID token that says whether the provider has verified the email. The
	// default is that of OpenID Connect Core 1.0 §5.1, "email_verified".
	EmailClaim string
}

// Provider is a provider of OpenID Connect. It is discovered when it is first needed, and again after a failure, so
// that the server starts and recovers without it. It is safe for concurrent use.
type Provider struct {
	config Config
	client *http.Client

	mu         sync.Mutex
	discovered *oidc.Provider
	failure    error // of the last discovery
	retryAt    time.Time
}

// New returns a provider without connecting to it.
func New(config Config) *Provider {
	return &Provider{config: config, client: &http.Client{Timeout: timeout, Transport: limited{http.DefaultTransport}}}
}

// Name returns the name of the provider.
func (p *Provider) Name() string { return p.config.Name }

// UnavailableError says that the provider can't be reached, or that it isn't the one that the settings name.
type UnavailableError struct{ cause error }

// maxCause limits what an error repeats of the provider's response.
const maxCause = 200

func (e *UnavailableError) Error() string {
	text := e.cause.Error()
	return strings.Join(strings.Fields(strings.ToValidUTF8(text[:min(len(text), maxCause)], "")), " ")
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.cause }

// Discover reads the configuration of the provider, unless that succeeded before. It returns an UnavailableError if
// the provider can't be used.
func (p *Provider) Discover(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovered != nil {
		return p.discovered, nil
	}
	if time.Now().Before(p.retryAt) {
		return nil, p.failure
	}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.config.Issuer)
	if err == nil && (found.Endpoint().AuthURL == "" || found.Endpoint().TokenURL == "") {
		err = errors.New("its configuration has no authorization or token endpoint")
	}
	if err != nil {
		p.failure, p.retryAt = &UnavailableError{err}, time.Now().Add(rediscovery)
		return nil, p.failure
	}
	p.discovered = found
	return found, nil
}

func (p *Provider) verifier(found *oidc.Provider) *oidc.IDTokenVerifier {
	return found.Verifier(&oidc.Config{ClientID: p.config.ClientID})
}

func (p *Provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.config.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID, "email", "profile"}, p.config.Scopes...),
	}
}

// RoundTrip is the ID of a browser's way to the provider and back. The state, the nonce, and the PKCE verifier are
// derived from it, so that only this browser can complete it and nothing else has to be stored.
type RoundTrip string

func (t RoundTrip) derive(use string) string {
	mac := hmac.New(sha256.New, []byte(t))
	_, _ = mac.Write([]byte(use)) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (t RoundTrip) state() string    { return t.derive("state") }
func (t RoundTrip) nonce() string    { return t.derive("nonce") }
func (t RoundTrip) verifier() string { return t.derive("verifier") }

// HasState reports whether a state that the provider returned is that of the round trip.
func (t RoundTrip) HasState(state string) bool {
	return t != "" && hmac.Equal([]byte(state), []byte(t.state()))
}

// URL returns the URL to which to send the browser. If again is true, the provider asks the person to sign in
// although they did so before.
func (p *Provider) URL(ctx context.Context, trip RoundTrip, again bool) (string, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(trip.nonce()), oauth2.S256ChallengeOption(trip.verifier())}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return p.oauth(found).AuthCodeURL(trip.state(), options...), nil
}

// Identify returns who signed in, by the parameters with which the provider sent the browser back. It returns a
// RejectedError if the provider didn't sign anyone in or its token isn't valid, and an UnavailableError if it can't be
// reached.
func (p *Provider) Identify(ctx context.Context, trip RoundTrip, returned url.Values) (*models.ProviderIdentity, error) {
	if code := returned.Get("error"); code != "" {
		return nil, &RejectedError{Code: knownCode(code), cause: errors.New("the provider returned an error")}
	}
	if issuer := returned.Get("iss"); issuer != "" && issuer != p.config.Issuer { // RFC 9207
		return nil, rejected("the provider returned another issuer")
	}
	found, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	tokens, err := p.oauth(found).Exchange(ctx, returned.Get("code"), oauth2.VerifierOption(trip.verifier()))
	if err != nil {
		if answer := new(oauth2.RetrieveError); errors.As(err, &answer) && answer.Response.StatusCode < http.StatusInternalServerError {
			return nil, &RejectedError{Code: knownCode(answer.ErrorCode), cause: errors.New("the provider rejected the code or the client")}
		}
		return nil, &UnavailableError{errors.New("the token endpoint can't be reached")}
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := p.verifier(found).Verify(ctx, raw)
	if err != nil {
		return nil, &RejectedError{cause: err}
	}
	if !hmac.Equal([]byte(token.Nonce), []byte(trip.nonce())) {
		return nil, rejected("the nonce of the ID token is wrong")
	}
	return p.identityOf(token)
}

func (p *Provider) identityOf(token *oidc.IDToken) (*models.ProviderIdentity, error) {
	var claims struct {
		Email         string   `json:"email"`
		Name          string   `json:"name"`
		Session       string   `json:"sid"`
		Methods       []string `json:"amr"`
		AuthTime      float64  `json:"auth_time"`
		AuthorizedFor string   `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return nil, &RejectedError{cause: err}
	}
	switch {
	case token.Subject == "":
		return nil, rejected("the ID token has no subject")
	case claims.AuthorizedFor != "" && claims.AuthorizedFor != p.config.ClientID:
		return nil, rejected("the ID token is for another client")
	}
	who := &models.ProviderIdentity{
		Issuer: token.Issuer, Subject: token.Subject, Email: claims.Email, Name: claims.Name, Session: claims.Session,
		SecondFactor: slices.Contains(claims.Methods, "mfa"), // RFC 8176 §2
	}
	var all map[string]any
	if err := token.Claims(&all); err != nil {
		return nil, &RejectedError{cause: err}
	}
	switch all[cmp.Or(p.config.EmailClaim, "email_verified")] {
	case true, "true", "1": // some providers send text
		who.EmailVerified = true
	}
	switch groups := all[p.config.GroupsClaim].(type) {
	case string:
		who.Groups = []string{groups}
	case []any:
		for _, group := range groups {
			if name, isText := group.(string); isText {
				who.Groups = append(who.Groups, name)
			}
		}
	}
	if claims.AuthTime > 0 {
		who.AuthenticatedAt = new(time.Unix(int64(claims.AuthTime), 0))
	}
	return who, nil
}

// Logout verifies a logout token, except that it wasn't used before. It returns a RejectedError if the token isn't
// valid, and an UnavailableError if the provider can't be reached.
func (p *Provider) Logout(ctx context.Context, raw string) (*models.ProviderLogout, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	token, err := p.verifier(found).VerifyLogout(oidc.ClientContext(ctx, p.client), raw)
	if err != nil {
		return nil, &RejectedError{cause: err}
	}
	if age := time.Since(token.IssuedAt); age < -leeway || age > logoutLife {
		return nil, rejected("the logout token was issued too long ago, or in the future")
	}
	return &models.ProviderLogout{
		TokenID: token.TokenID, Issuer: token.Issuer, Subject: token.Subject, Session: token.SessionID, ExpiresAt: token.IssuedAt.Add(time.Hour),
	}, nil
}
