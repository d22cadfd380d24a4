package webhook

import (
	"net/http"
	"strings"
	"time"

	"github.com/skipup/keys/models"
)

// Curl returns a curl command that sends the request of a delivery, signed at the given time.
func Curl(d *models.ClaimedDelivery, now time.Time) (string, error) {
	header := http.Header{}
	if err := sign(header, d, now); err != nil {
		return "", err
	}
	lines := []string{"curl " + quoted(d.URL), "-H " + quoted("Content-Type: application/json")}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature", headerSignature} {
		lines = append(lines, "-H "+quoted(name+": "+header.Get(name)))
	}
	lines = append(lines, "--data-raw "+quoted(string(d.Body)))
	return strings.Join(lines, " \\\n  "), nil
}

// quoted quotes a text for a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
