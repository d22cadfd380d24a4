// Package mailtest is a real SMTP server that keeps what it is sent.
package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The credentials that a sink takes, and the recipients that it does not.
const (
	User     = "keys"
	Password = "p@ss/word"
	Nobody   = "nobody@acme.test"  // refused for good
	Busy     = "busy@acme.test"    // refused for the moment
	Hangup   = "hang-up@acme.test" // the connection ends instead of an answer
)

// Options are how a sink differs from one that takes everything in clear.
type Options struct {
	STARTTLS bool // offers it
	TLS      bool // speaks it from the start
	Auth     bool // asks for User and Password, once the connection is encrypted

	Taking func() // called while a mail is being taken; may be nil
}

// Received is a mail as it came.
type Received struct{ From, To, Data string }

// Sink is an SMTP server on 127.0.0.1.
type Sink struct {
	Address string         // host and port
	Roots   *x509.CertPool // vouches for its certificate

	options  Options
	mu       sync.Mutex
	received []Received
	server   *smtp.Server
	listener net.Listener
}

// New starts a sink on a free port, until t ends.
func New(t testing.TB, options Options) *Sink { return At(t, "127.0.0.1:0", options) }

// At starts a sink at an address.
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

// certificate is one for 127.0.0.1 and example.com, the one that net/http's own test server has.
func certificate() (tls.Certificate, *x509.CertPool) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
}

// Stop ends the server and its connections. What it was sent stays.
func (s *Sink) Stop() {
	_ = s.listener.Close() // which the server knows only once it has begun to serve
	_ = s.server.Close()
}

// Received is what has come, the oldest first.
func (s *Sink) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.received...)
}

type session struct {
	sink     *Sink
	conn     *smtp.Conn
	signedIn bool
	mail     Received
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
		s.signedIn = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.sink.options.Auth && !s.signedIn {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch strings.ToLower(to) {
	case Nobody:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	case Busy:
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "Come back later"}
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
	if s.sink.options.Taking != nil {
		s.sink.options.Taking()
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
