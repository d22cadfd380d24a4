package handlerstest

import (
	"maps"
	"net/http"
	"net/url"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/web/sso"
)

// Provider is a provider of OpenID Connect at which the next person signs in with the given claims.
type Provider struct {
	*mockoidc.MockOIDC
	EmailClaim string // the claim of verified emails; empty for the default
}

// NewProvider starts a provider.
func NewProvider(t testing.TB) *Provider {
	t.Helper()
	provider, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Shutdown() }) // a test may have stopped it
	return &Provider{MockOIDC: provider}
}

func (p *Provider) client(publicURL string) *sso.Provider {
	return sso.New(sso.Config{
		Name: "Acme ID", Issuer: p.Issuer(), ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: publicURL + path.SingleSignOnReturn,
		GroupsClaim: "groups", EmailClaim: p.EmailClaim,
	})
}

// Claims are the claims of an ID token or a logout token. They replace those that the provider sets.
type Claims map[string]any

// Person returns the claims of someone with a verified email.
func Person(subject, email string) Claims {
	return Claims{"sub": subject, "email": email, "email_verified": true, "name": "Grace Hopper"}
}

// With returns a copy of the claims with others.
func (c Claims) With(more Claims) Claims {
	c = maps.Clone(c)
	maps.Copy(c, more)
	return c
}

// ID implements mockoidc.User.
func (c Claims) ID() string { return c["sub"].(string) }

// Userinfo implements mockoidc.User.
func (c Claims) Userinfo([]string) ([]byte, error) { return []byte("{}"), nil }

// Claims implements mockoidc.User.
func (c Claims) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	claims := jwt.MapClaims{
		"iss": base.Issuer, "aud": base.Audience, "exp": base.ExpiresAt, "iat": base.IssuedAt, "nonce": base.Nonce,
	}
	maps.Copy(claims, c)
	return claims, nil
}

// Sign returns a token with claims, signed by the provider.
func (p *Provider) Sign(t testing.TB, claims Claims) string {
	t.Helper()
	token, err := p.Keypair.SignJWT(jwt.MapClaims(claims))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Visit sends the browser to the provider, signs in a person there, and returns the URL to which the provider sends the
// browser back, without its origin.
func (p *Provider) Visit(b *Browser, start string, who Claims) string {
	b.t.Helper()
	p.QueueUser(who)
	sent := b.Get(start)
	sent.Want(b.t, http.StatusSeeOther)
	response, err := b.Client.Get(sent.Header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	back, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.StatusCode != http.StatusFound {
		b.t.Fatalf("the provider answered %d, %v", response.StatusCode, err)
	}
	return back.RequestURI()
}
