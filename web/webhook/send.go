package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"github.com/skipup/keys/models"
)

const userAgent = "SkipUp-Webhooks/1"

// maxAnswer is how much of an answer is read. It is more than is kept of it, so that an API key of
// which only a part would be kept is seen whole, and taken out.
const maxAnswer = 4 * models.MaxResponseExcerpt

// sender sends one delivery at a time, many at once.
type sender struct {
	client  *http.Client
	timeout time.Duration
}

// newSender makes a client that follows nothing: no redirect, no proxy of the environment. The
// address of each connection is checked when it is made, after the name has been looked up, so
// that a name which changes its answer leads nowhere else.
func newSender(options Options) *sender {
	// The transport goes on making a connection when the attempt that wanted it is over: its own
	// limits end that. The dialer shares its limit out among the addresses of a name, so that one
	// that does not answer leaves time for the next.
	dialer := &net.Dialer{Resolver: options.Resolver, Timeout: options.Timeout * 2 / 3}
	if !options.AllowPrivate {
		ports := ssrf.WithPorts(portsOf(models.WebhookPorts)...)
		if options.anyPort {
			ports = ssrf.WithAnyPort()
		}
		dialer.Control = ssrf.New(ports).Safe
	}
	return &sender{timeout: options.Timeout, client: &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConns:           512,
			MaxIdleConnsPerHost:    maxEndpoint,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    options.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func portsOf(words []string) []uint16 {
	ports := make([]uint16, len(words))
	for i, word := range words {
		port, _ := strconv.ParseUint(word, 10, 16) // they are constants
		ports[i] = uint16(port)
	}
	return ports
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// send attempts a delivery. It was broken off if ctx ended before the attempt did.
func (s *sender) send(ctx context.Context, d *models.ClaimedDelivery, now time.Time) (attempt models.WebhookAttempt, brokenOff bool) {
	attempt = models.WebhookAttempt{Delivery: d, At: now}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.post(limited, d, now)
	if err != nil {
		attempt.Failure = failureOf(err)
	} else {
		attempt.ResponseCode, attempt.Failure = answer.StatusCode, failureOfStatus(answer.StatusCode)
		attempt.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), now)
		excerpt, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // the status is what counts
		attempt.Response = string(excerpt)
		_ = answer.Body.Close()
	}
	attempt.Took = time.Since(start)
	return attempt, err != nil && ctx.Err() != nil
}

func (s *sender) post(ctx context.Context, d *models.ClaimedDelivery, now time.Time) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if err := sign(request.Header, d, now); err != nil {
		return nil, err
	}
	// The receiver knows repeated deliveries, so the transport may repeat a request itself when a
	// kept connection turns out to be closed. The empty header says so and is not sent.
	request.Header["Idempotency-Key"] = []string{}
	return s.client.Do(request)
}

// failureOf is the word for an error, which itself may hold the address with its secrets and is
// kept nowhere.
func failureOf(err error) models.DeliveryFailure {
	var (
		name        *net.DNSError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		timeout     net.Error
	)
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort),
		errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		return models.FailedAddress
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return models.FailedTimeout
	case errors.As(err, &name) && !name.IsTimeout:
		return models.FailedName
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &certificate), errors.As(err, &authority):
		return models.FailedTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return models.FailedTimeout
	}
	return models.FailedConnection
}

func failureOfStatus(status int) models.DeliveryFailure {
	switch {
	case status == http.StatusGone:
		return models.FailedGone
	case status >= 200 && status < 300:
		return models.Delivered
	case status >= 300 && status < 400:
		return models.FailedRedirect
	}
	return models.FailedStatus
}

// retryAfter is how long the header asks to wait, in seconds or as a moment (RFC 9110 §10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
