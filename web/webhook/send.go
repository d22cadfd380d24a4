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

// maxResponse is how many bytes of a response are read. It is more than the excerpt, so that an API
// key at the end of the excerpt is read completely and redacted.
const maxResponse = 4 * models.MaxResponseExcerpt

// idleTimeout is how long an unused connection stays open. It is shorter than the five seconds of
// Node.js, so that a delivery rarely fails because the receiver closes its connection just then.
const idleTimeout = 4 * time.Second

// sender sends deliveries. It is safe for concurrent use.
type sender struct {
	client  *http.Client
	timeout time.Duration
}

// newSender returns a sender that follows no redirects and uses no proxy. It checks the IP address of
// each connection after the DNS lookup, so that DNS rebinding can't redirect it.
func newSender(options Options) *sender {
	// The transport continues to dial after an attempt has ended, so it needs a limit of its own. The
	// dialer divides it among the addresses of a host.
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
			IdleConnTimeout:        idleTimeout,
			TLSHandshakeTimeout:    options.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func portsOf(texts []string) []uint16 {
	ports := make([]uint16, len(texts))
	for i, text := range texts {
		port, _ := strconv.ParseUint(text, 10, 16) // constants are valid
		ports[i] = uint16(port)
	}
	return ports
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// send attempts a delivery. It reports whether the attempt was canceled by ctx.
func (s *sender) send(ctx context.Context, d *models.ClaimedDelivery, now time.Time) (attempt models.WebhookAttempt, canceled bool) {
	attempt = models.WebhookAttempt{Delivery: d, At: now}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := s.post(limited, d, now)
	if err != nil {
		attempt.Failure = failureOf(err)
	} else {
		attempt.ResponseCode, attempt.Failure = response.StatusCode, failureOfStatus(response.StatusCode)
		attempt.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
		excerpt, _ := io.ReadAll(io.LimitReader(response.Body, maxResponse)) // only the status matters
		attempt.Response = string(excerpt)
		_ = response.Body.Close()
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
	// Without an Idempotency-Key, not even an empty one, the transport repeats a POST only if nothing
	// of it was sent. An attempt is then one request, and counts as one.
	return s.client.Do(request)
}

// failureOf returns the failure for an error. The error itself may contain secrets from the URL and
// is not stored.
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

// retryAfter parses a Retry-After header, which contains seconds or a date (RFC 9110 §10.2.3).
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
