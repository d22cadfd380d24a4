// Package mailtest provides an SMTP server for tests that records the emails it receives.
package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The credentials that a sink accepts, and the recipients that it rejects.
const (
	User     = "keys"
	Password = "p@ss/word"
	Unknown  = "unknown@acme.test" // rejected permanently
	Busy     = "busy@acme.test"    // rejected temporarily
	Hangup   = "hang-up@acme.test" // the connection is closed instead of a response
)

// Options configure a sink. By default it accepts every email without encryption.
type Options struct {
	STARTTLS bool // supported
	TLS      bool // implicit
	Auth     bool // requires User and Password on an encrypted connection

	OnData func() // called while an email is being received; may be nil
}

// Received is an email as it was received.
type Received struct{ From, To, Data string }

// Sink is an SMTP server on 127.0.0.1.
type Sink struct {
	Address string         // host and port
	Roots   *x509.CertPool // of its certificate

	options  Options
	mu       sync.Mutex
	received []Received
	server   *smtp.Server
	listener net.Listener
}

// New starts a sink on a free port. It stops when the test ends.
func New(t testing.TB, options Options) *Sink { return At(t, "127.0.0.1:0", options) }

// At starts a sink at an address. It stops when the test ends.
func At(t testing.TB, address string, options Options) *Sink {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	certificate, roots := certificate()
	sink := &Sink{Address: listener.Addr().String(), Roots: roots, options: options}
	sink.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{sink: sink, conn: c}, nil }))
	sink.server.Domain = "sink.test"
	sink.server.ErrorLog = silent{}
	secure := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if options.STARTTLS {
		sink.server.TLSConfig = secure
	}
	if options.TLS {
		listener = tls.NewListener(listener, secure)
	}
	sink.listener = listener
	go func() { _ = sink.server.Serve(listener) }()
	t.Cleanup(sink.Stop)
	return sink
}

// certificate returns the certificate of httptest, for 127.0.0.1 and example.com.
func certificate() (tls.Certificate, *x509.CertPool) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
}

// Stop closes the server and its connections. The received emails are kept.
func (s *Sink) Stop() {
	_ = s.listener.Close() // the server doesn't know it before Serve
	_ = s.server.Close()
}

// Received returns the received emails, oldest first.
func (s *Sink) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

type session struct {
	sink          *Sink
	conn          *smtp.Conn
	authenticated bool
	mail          Received
}

func (s *session) encrypted() bool {
	_, encrypted := s.conn.TLSConnectionState()
	return encrypted
}

func (s *session) AuthMechanisms() []string {
	if !s.sink.options.Auth || !s.encrypted() {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		s.authenticated = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.sink.options.Auth && !s.authenticated {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch strings.ToLower(to) {
	case Unknown:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	case Busy:
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "Try again later"}
	case Hangup:
		return errors.Join(s.conn.Close(), smtp.ErrServerClosed)
	}
	s.mail.To = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Data = string(data)
	if s.sink.options.OnData != nil {
		s.sink.options.OnData()
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.received = append(s.sink.received, s.mail)
	return nil
}

func (s *session) Reset()        { s.mail = Received{} }
func (s *session) Logout() error { return nil }

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
