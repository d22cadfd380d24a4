package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/skipup/keys/models"
)

// headerSignature is for receivers without a library: an HMAC-SHA256 of the time, a dot, and the
// body. The key is the secret as it was shown, including the prefix.
const headerSignature = "X-Webhook-Signature"

// sign sets the headers of Standard Webhooks and X-Webhook-Signature, each with a signature for every
// active secret of the endpoint.
func sign(header http.Header, d *models.ClaimedDelivery, now time.Time) error {
	seconds := strconv.FormatInt(now.Unix(), 10)
	var standard []string
	simple := []string{"t=" + seconds}
	for _, secret := range d.Secrets {
		hook, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			return fmt.Errorf("secret of webhook endpoint %s: not base64", d.EndpointID)
		}
		signature, err := hook.Sign(d.EventID, now, d.Body)
		if err != nil {
			return fmt.Errorf("sign for webhook endpoint %s: %w", d.EndpointID, err)
		}
		standard = append(standard, signature)
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write([]byte(seconds + "."))
		mac.Write(d.Body)
		simple = append(simple, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	header.Set(standardwebhooks.HeaderWebhookID, d.EventID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, seconds)
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(standard, " "))
	header.Set(headerSignature, strings.Join(simple, ","))
	return nil
}
