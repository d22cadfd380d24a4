package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"

	maxIdempotencyKey = 255
)

// idempotencyKey returns the Idempotency-Key of a request, if it has one: visible ASCII, optionally
// as a quoted string (draft-ietf-httpapi-idempotency-key-header §2.1).
func idempotencyKey(r *http.Request) (key string, given bool, err error) {
	values := r.Header.Values(headerIdempotencyKey)
	if len(values) == 0 {
		return "", false, nil
	}
	key = values[0]
	if quoted, found := strings.CutPrefix(key, `"`); found {
		if key, found = strings.CutSuffix(quoted, `"`); !found {
			key = ""
		}
	}
	isHidden := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(values) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, isHidden) {
		return "", false, invalid(headerIdempotencyKey, fmt.Sprintf("must be sent once, with 1 to %d visible ASCII characters", maxIdempotencyKey))
	}
	return key, true, nil
}

// requestOf identifies a request by its key, with a fingerprint that detects a different request with
// the same key.
func requestOf(r *http.Request, caller web.Caller, key string, body []byte) models.IdempotentRequest {
	hash := sha256.New()
	for _, part := range []string{r.Method, r.URL.RequestURI(), string(body)} {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(part), part) // a hash never returns an error
	}
	return models.IdempotentRequest{APIKeyID: caller.Key.ID(), Key: key, Fingerprint: hash.Sum(nil)}
}

// withoutSecret returns out without its secret, which must not be stored.
func withoutSecret(out any) any {
	if secretive, is := out.(interface{ withoutSecret() any }); is {
		return secretive.withoutSecret()
	}
	return out
}
