package nodes

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/handlers/api"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/scope"
	"github.com/skipup/keys/models/usage"
	"github.com/skipup/keys/web"
	"github.com/skipup/keys/web/keyauth"
	"github.com/skipup/keys/web/keyauth/remote/wire"
	"github.com/skipup/keys/web/ratelimit"
)

// verifications verifies a key for each request. docs/verify-openapi.yaml describes the requests and responses.
type verifications struct{ gate *web.KeyGate }

// newVerification asks whether a request with a key may be accepted.
type newVerification struct {
	Key       *string  `json:"key"`
	Digest    *string  `json:"digest"`  // of the key, in place of it
	Scopes    []string `json:"scopes"`  // all are needed
	Route     string   `json:"route"`   // for usage reports, like the others
	Address   string   `json:"address"` // of the client; without it, an enforced allowlist rejects the key
	UserAgent string   `json:"user_agent"`
}

// verification is the result.
type verification struct {
	Valid       bool       `json:"valid"`
	Reason      *string    `json:"reason"`
	KeyID       *string    `json:"key_id"` // nil if the key is unknown
	WorkspaceID *string    `json:"workspace_id"`
	Scopes      []string   `json:"scopes"`
	RateLimit   *rateLimit `json:"rate_limit"` // nil if the key has none, or it wasn't checked
}

// rateLimit is the state of the rate limit of a key.
type rateLimit struct {
	Remaining    int `json:"remaining"`
	ResetSeconds int `json:"reset_seconds"`
}

// create verifies a key and counts the request. It returns 200 whether the key is valid or not, and counts
// invalid keys against the limit of the credential.
func (h verifications) create(c echo.Context) error {
	var in newVerification
	if _, err := api.BindBody(c.Request(), &in); err != nil {
		return err
	}
	needed, err := in.check(h.gate.Scopes())
	if err != nil {
		return err
	}
	request := in.request(c)
	ctx := c.Request().Context()
	err = h.gate.Admit(ctx, request, http.Header{})
	if err == nil {
		err = request.Key.Require(needed, h.gate.Scopes())
	}
	problem, rejected := keyauth.ProblemOf(err)
	if err != nil && (!rejected || problem.Status == http.StatusServiceUnavailable) {
		return err
	}
	key := request.Key
	if inactive := new(keyauth.InactiveError); errors.As(err, &inactive) {
		key = inactive.Key
	}
	if key != (keyauth.Key{}) && !web.NodeTokenOf(c).MayVerify(key.WorkspaceID()) {
		key, err = keyauth.Key{}, keyauth.ErrInvalid
	}
	if key != (keyauth.Key{}) {
		request.Route = h.gate.RouteOf(key, []byte(cmp.Or(in.Route, usage.OtherRoutes)), strings.Join(in.Scopes, " "))
		h.gate.Count(request, cmp.Or(problem.Status, http.StatusOK), err)
	}
	if err != nil {
		if err := h.gate.TakeNodeRequest(c); err != nil {
			return err
		}
	}
	return c.JSON(http.StatusOK, verificationOf(key, request.Limit, h.gate.Scopes(), err))
}

// verificationOf returns the result for a key, which is zero if it is unknown, given the error that it was
// rejected with.
func verificationOf(key keyauth.Key, limit ratelimit.Decision, scopes *scope.Catalog, err error) verification {
	v := verification{Valid: err == nil, Scopes: scopes.Names(key.Scopes())}
	if key != (keyauth.Key{}) {
		v.KeyID, v.WorkspaceID = new(key.ID()), new(key.WorkspaceID())
	}
	if limit != (ratelimit.Decision{}) {
		v.RateLimit = &rateLimit{Remaining: limit.Remaining, ResetSeconds: int(math.Ceil(limit.Reset.Seconds()))}
	}
	switch {
	case err == nil:
	case models.IsKind(err, models.RateLimited):
		v.Reason = new(string(usage.RejectedRateLimit))
	case errors.As(err, new(*keyauth.ScopeError)):
		v.Reason = new(string(usage.RejectedScope))
	case errors.As(err, new(*keyauth.AddressError)):
		v.Reason = new(string(usage.RejectedAddress))
	default:
		v.Reason = new(string(keyauth.ResultOf(err)))
	}
	return v
}

// check returns the scopes that a key needs. The error is about the request, not about the key.
func (v newVerification) check(scopes *scope.Catalog) (needed scope.Set, err error) {
	var wrong []error
	if (v.Key == nil) == (v.Digest == nil) {
		wrong = append(wrong, invalid("key", "or digest is required, but not both"))
	}
	if v.Digest != nil {
		if _, err := wire.DigestOf(*v.Digest); err != nil {
			wrong = append(wrong, errDigest)
		}
	}
	if v.Route != "" && !web.IsRouteName(v.Route) {
		wrong = append(wrong, invalid("route", "must have at most 200 visible characters"))
	}
	for i, name := range v.Scopes {
		s, known := scopes.Parse(name)
		if !known {
			wrong = append(wrong, invalid(fmt.Sprintf("scopes[%d]", i), "must be a scope of this server"))
			continue
		}
		needed = needed.With(scope.Of(s))
	}
	return needed, models.JoinInvalid(wrong...)
}

var errDigest = invalid("digest", "must be the SHA-256 hash of a key in hexadecimal")

// invalid returns an error about the value of a field.
func invalid(field, problem string) error {
	fields := models.Fields{field: problem}
	return &models.Error{Kind: models.Invalid, Message: fields.Sentence(field, field), Fields: fields}
}

// request returns the request as a gate admits it.
func (v newVerification) request(c echo.Context) *keyauth.Request {
	r := &keyauth.Request{Address: cmp.Or(v.Address, c.RealIP()), AddressUnknown: v.Address == "", Header: http.Header{}}
	r.Header.Set("User-Agent", cmp.Or(v.UserAgent, c.Request().UserAgent()))
	if v.Digest != nil {
		digest, _ := wire.DigestOf(*v.Digest) // checked
		r.Digest = &digest
		return r
	}
	r.Header.Set("Authorization", "Bearer "+*v.Key)
	return r
}
