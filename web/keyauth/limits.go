package keyauth

import (
	"context"
	"fmt"
	"math"
	"net/http"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/ratelimit"
)

// Limits bound the requests of each key, and the invalid credentials from each IP address. A nil
// limit is no limit.
type Limits struct {
	Keys      *KeyLimit
	Addresses ratelimit.Limiter
}

// KeyLimit bounds the requests of each key and reports the policy in response headers.
type KeyLimit struct {
	ratelimit.Limiter
	Policy ratelimit.Policy
}

// take takes a request from the limit of its key, and sets the header of the response.
func (l Limits) take(ctx context.Context, r *Request, response http.Header) error {
	if l.Keys == nil {
		return nil
	}
	decision := l.Keys.Take(ctx, r.Key.Subject())
	ratelimit.SetHeaders(response, l.Keys.Policy, decision)
	if !decision.Allowed {
		return TooMany(decision, "Rate limit exceeded.")
	}
	return nil
}

func tooManyInvalid(decision ratelimit.Decision) error {
	return TooMany(decision, "Too many invalid API keys from this IP address.")
}

// TooMany returns the error for a request over a limit. The message ends with when to retry.
func TooMany(decision ratelimit.Decision, message string) error {
	seconds := int(math.Ceil(decision.Reset.Seconds()))
	unit := "seconds"
	if seconds == 1 {
		unit = "second"
	}
	return &models.Error{
		Kind: models.RateLimited, Message: fmt.Sprintf("%s Retry after %d %s.", message, seconds, unit), RetryAfter: decision.Reset,
	}
}
