package web

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote/wire"
	"github.com/skipup/keys/web/ratelimit"
)

// nodeCredentials verifies the credentials of nodes that reach the database only through this server. While
// the gate holds a lease, it verifies known ones from memory: revoking one is a change that servers
// acknowledge like a change to a key.
type nodeCredentials struct {
	store    *models.Store
	moment   func(now time.Time) (m keyauth.Moment, holdsLease bool)
	requests ratelimit.Limiter // of each credential
	attempts ratelimit.Limiter // to find a credential, of each IP address

	mu    sync.Mutex
	known map[token.Digest]knownCredential // no more than there are credentials
}

// knownCredential is a credential as it was read after a moment.
type knownCredential struct {
	*models.NodeToken
	moment keyauth.Moment
}

const (
	// nodeRequests limits what a credential can ask of a server per minute. 1,000 nodes take less than a tenth
	// of that at the default lease.
	nodeRequests = 60_000
	// nodeAttempts limits the unknown credentials that an IP address can send per minute.
	nodeAttempts = 60
)

func newNodeCredentials(store *models.Store, moment func(time.Time) (keyauth.Moment, bool)) *nodeCredentials {
	perMinute := func(quota int) ratelimit.Limiter {
		return ratelimit.NewMemory(ratelimit.Policy{Name: "node", Quota: quota, Window: time.Minute}, time.Now)
	}
	return &nodeCredentials{
		store: store, moment: moment, requests: perMinute(nodeRequests), attempts: perMinute(nodeAttempts),
		known: map[token.Digest]knownCredential{},
	}
}

var errNodeCredential = &RequestError{Status: http.StatusUnauthorized, Type: "authentication_error",
	Message: "Invalid or missing node credential. It may have been revoked."}

// require rejects requests without a valid credential.
func (n *nodeCredentials) require(next echo.HandlerFunc) echo.HandlerFunc {
	return func(outer echo.Context) error {
		return withRequestContext(outer, func(c *requestContext) error {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="SkipUp nodes"`)
			found, err := n.find(c)
			if err != nil {
				return err
			}
			c.Response().Header().Del(echo.HeaderWWWAuthenticate)
			c.nodeToken = found
			return next(c)
		})
	}
}

// find returns the credential of a request.
func (n *nodeCredentials) find(c *requestContext) (*models.NodeToken, error) {
	text, err := keyauth.Bearer(c.Request().Header[echo.HeaderAuthorization])
	if err != nil {
		return nil, errNodeCredential
	}
	digest, err := token.ParseNodeToken(text)
	if err != nil {
		return nil, errNodeCredential
	}
	moment, holdsLease := n.moment(time.Now())
	n.mu.Lock()
	known, isKnown := n.known[digest]
	n.mu.Unlock()
	if isKnown && holdsLease && known.moment == moment {
		return known.NodeToken, nil
	}
	return n.read(c, digest, moment, isKnown)
}

// read reads a credential from the database. Unknown credentials are limited by IP address, so that no one can
// try them as fast as the database responds.
func (n *nodeCredentials) read(c *requestContext, digest token.Digest, moment keyauth.Moment, isKnown bool) (*models.NodeToken, error) {
	ctx := c.Request().Context()
	address, _ := netip.ParseAddr(c.RealIP())
	subject := ratelimit.AddressSubject(address)
	if decision := n.attempts.Peek(ctx, subject); !isKnown && !decision.Allowed {
		return nil, keyauth.TooMany(decision, "Too many invalid node credentials from this IP address.")
	}
	found, err := n.store.NodeTokenByDigest(ctx, digest)
	n.mu.Lock()
	defer n.mu.Unlock()
	if models.IsKind(err, models.NotFound) {
		delete(n.known, digest)
		n.attempts.Take(ctx, subject)
		return nil, errNodeCredential
	}
	if err != nil {
		return nil, err
	}
	n.known[digest] = knownCredential{found, moment}
	return found, nil
}

// limit rejects requests over the limit of their credential.
func (n *nodeCredentials) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := n.takeRequest(c.Request().Context(), NodeTokenOf(c)); err != nil {
			return err
		}
		return next(c)
	}
}

// TakeNodeRequest takes a request from the limit of its credential. Requests in the group Nodes are taken
// already.
func (g *KeyGate) TakeNodeRequest(c echo.Context) error {
	return g.nodes.takeRequest(c.Request().Context(), NodeTokenOf(c))
}

// takeRequest takes a request from the limit of a credential.
func (n *nodeCredentials) takeRequest(ctx context.Context, of *models.NodeToken) error {
	id, err := ulid.ParseStrict(of.ID[len("ntk_"):])
	if err != nil {
		return err
	}
	if decision := n.requests.Take(ctx, ratelimit.Subject(id)); !decision.Allowed {
		return keyauth.TooMany(decision, "Too many requests with this node credential.")
	}
	return nil
}

// NodeTokenOf returns the credential of a request in the group Nodes or Verify.
func NodeTokenOf(c echo.Context) *models.NodeToken { return c.(*requestContext).nodeToken }

// newNodeGroup returns the group of the routes for nodes.
func newNodeGroup(e *echo.Echo, gate *KeyGate) *Group {
	return newGroup(e, e.Group(wire.Prefix, jsonErrors, markNodeResponses, quietly, gate.nodes.require, gate.nodes.limit), wire.Prefix)
}

// verifyPrefix is the path prefix of the requests with which programs in any language verify keys.
const verifyPrefix = "/v1"

// newVerifyGroup returns the group of the routes with which programs in any language verify keys.
func newVerifyGroup(e *echo.Echo, gate *KeyGate) *Group {
	return newGroup(e, e.Group(verifyPrefix, jsonErrors, quietly, gate.nodes.require), verifyPrefix)
}

// markNodeResponses tells nodes that a response is from a server.
func markNodeResponses(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(wire.Header, wire.Version)
		return next(c)
	}
}

// quietly logs requests without errors only for debugging, because nodes poll all the time.
func quietly(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.(*requestContext).quiet = true
		return next(c)
	}
}
