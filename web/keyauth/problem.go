package keyauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
)

// Messages for rejected keys. They are the same for every cause, so that they say nothing about a key.
const (
	invalidKey   = "Invalid or missing API key."
	missingScope = "This API key does not have the required scope."
	wrongAddress = "This API key can't be used from this IP address."
)

const realm = `Bearer realm="SkipUp API"`

// unavailableFor is the Retry-After of responses sent while the database is unavailable.
const unavailableFor = time.Second

// Problem is an error as the client sees it.
type Problem struct {
	Status        int
	Type, Message string
	Challenge     string        // WWW-Authenticate; may be empty
	RetryAfter    time.Duration // 0 for none
}

// ProblemOf returns the problem of a request that cannot be admitted (RFC 6750 §3), if err reports one:
// 401, 403, 429, or 503.
func ProblemOf(err error) (Problem, bool) {
	var (
		unavailable *UnavailableError
		rule        *models.Error
		scope       *ScopeError
		address     *AddressError
	)
	switch {
	case errors.As(err, &unavailable), models.IsUnavailable(err):
		return Problem{Status: http.StatusServiceUnavailable, Type: "service_unavailable",
			Message: outageCause(err) + " Try again in a moment.", RetryAfter: unavailableFor}, true
	case errors.As(err, &rule) && rule.Kind == models.RateLimited:
		return Problem{Status: http.StatusTooManyRequests, Type: "rate_limited", Message: rule.Message, RetryAfter: rule.RetryAfter}, true
	case errors.Is(err, ErrMissing):
		return unauthorized(realm), true
	case errors.Is(err, ErrInvalid):
		return unauthorized(realm + `, error="invalid_token"`), true
	case errors.As(err, &address):
		return Problem{Status: http.StatusForbidden, Type: "address_not_allowed", Message: wrongAddress}, true
	case errors.As(err, &scope):
		return Problem{Status: http.StatusForbidden, Type: "forbidden", Message: missingScope,
			Challenge: fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, scope.Names)}, true
	}
	return Problem{}, false
}

// outageCause returns a sentence that says why a source is unavailable. A source that isn't a database may
// say it in its error.
func outageCause(err error) string {
	var known interface{ OutageCause() string }
	if errors.As(err, &known) {
		return known.OutageCause()
	}
	return models.OutageCause(err)
}

func unauthorized(challenge string) Problem {
	return Problem{Status: http.StatusUnauthorized, Type: "authentication_error", Message: invalidKey, Challenge: challenge}
}

// SetHeader sets the header fields of the response.
func (p Problem) SetHeader(header http.Header) {
	if p.Challenge != "" {
		header.Set("WWW-Authenticate", p.Challenge)
	}
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
}

// internalError is the response to a request that the service can't judge.
var internalError = Problem{Status: http.StatusInternalServerError, Type: "internal_error", Message: "Something went wrong on our end."}

// send sends the response for a problem, like the SkipUp API.
func send(w http.ResponseWriter, p Problem) {
	header := w.Header()
	p.SetHeader(header)
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(wire.ErrorBody{Error: wire.Error{Type: p.Type, Message: p.Message}}) // the client may be gone
}
