package keyauth

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web/ratelimit"
)

// Limits bound the requests of each key, and the invalid credentials from each IP address.
type Limits struct {
	Keys      *KeyLimit         // if nil, only keys with a limit of their own have one, on this node
	Addresses ratelimit.Limiter // no limit if nil
}

// KeyLimit bounds the requests of each key and reports the policy in response headers. A quota of 0 is no
// limit. Keys with a limit of their own have that quota instead.
type KeyLimit struct {
	ratelimit.Limiter
	Policy ratelimit.Policy
}

// keyPolicyName is the name of the policy of a key with a limit of its own.
const keyPolicyName = "key"

// ownLimits only limit keys with a limit of their own.
func ownLimits() *KeyLimit {
	policy := ratelimit.Policy{Name: "default", Window: time.Minute}
	return &KeyLimit{Limiter: ratelimit.NewMemory(policy, time.Now), Policy: policy}
}

// policyOf returns the policy that applies to a key.
func (l *KeyLimit) policyOf(key *Key) ratelimit.Policy {
	policy := l.Policy
	if key.rateLimit > 0 {
		policy.Name, policy.Quota = keyPolicyName, int(key.rateLimit)
	}
	return policy
}

// take takes a request from the limit of its key, and sets the header of the response.
func (l Limits) take(ctx context.Context, r *Request, response http.Header) error {
	policy := l.Keys.policyOf(&r.Key)
	if policy.Quota == 0 {
		return nil
	}
	decision := l.Keys.TakeUpTo(ctx, r.Key.Subject(), policy.Quota)
	r.Limit = decision
	ratelimit.SetHeaders(response, policy, decision)
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
