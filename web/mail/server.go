package mail

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// The default ports: submission with STARTTLS, and with implicit TLS (RFC 8314 §3).
const (
	submissionPort  = 587
	submissionsPort = 465
)

// Server is an SMTP server that email is sent through.
type Server struct {
	host           string
	port           int
	tls            bool // implicit TLS; otherwise STARTTLS
	user, password string
	roots          *x509.CertPool // nil for the system roots
}

// errServer omits the URL, which may contain a password.
var errServer = errors.New("must be smtp://[USER:PASSWORD@]HOST[:PORT] (STARTTLS, port 587) or smtps://… (implicit TLS, port 465); " +
	"in USER and PASSWORD, characters such as / ? # and @ must be percent-encoded")

// ParseServer parses the URL of an SMTP server.
//
// With a user, the connection must be encrypted. Without one, it is encrypted if the server
// supports it. The certificate is verified, except on localhost without a user.
func ParseServer(address string) (Server, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "smtp" && parsed.Scheme != "smtps" || parsed.Hostname() == "" ||
		strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return Server{}, errServer
	}
	server := Server{host: parsed.Hostname(), port: submissionPort, tls: parsed.Scheme == "smtps"}
	if server.tls {
		server.port = submissionsPort
	}
	if port := parsed.Port(); port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return Server{}, errServer
		}
		server.port = int(number)
	}
	if parsed.User == nil {
		return server, nil
	}
	server.user = parsed.User.Username()
	server.password, _ = parsed.User.Password()
	if server.user == "" || server.password == "" {
		return Server{}, errServer
	}
	return server, nil
}

// Trusting returns a copy of the server whose certificate is verified with the given roots.
func (s Server) Trusting(roots *x509.CertPool) Server {
	s.roots = roots
	return s
}

// Check connects to the server and authenticates, and returns an error if that fails. It sends nothing.
func (s Server) Check(ctx context.Context) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return err
	}
	return client.Close()
}

func (s Server) client() (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.port),
		gomail.WithTimeout(timeout / 2), // applies to connecting and to sending separately
		gomail.WithTLSConfig(&tls.Config{
			ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: s.user == "" && s.isLocal(), // local connections can't be intercepted, and Debian's default certificate has another name
		}),
		gomail.WithTLSPolicy(gomail.TLSOpportunistic),
		gomail.WithoutNoop(),
	}
	if s.tls {
		options = append(options, gomail.WithSSL())
	}
	if s.user != "" {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory),
			gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	}
	return gomail.NewClient(s.host, options...)
}

func (s Server) isLocal() bool {
	return s.host == "localhost" || net.ParseIP(s.host).IsLoopback()
}

// From is the sender of emails.
type From struct{ Name, Address string }

var errFrom = errors.New(`must be an email address, such as keys@example.com or "SkipUp Keys <keys@example.com>"`)

// ParseFrom parses an email address, optionally with a name before it. The default name is
// "SkipUp Keys".
func ParseFrom(text string) (From, error) {
	address, err := mail.ParseAddress(text)
	if err != nil {
		return From{}, errFrom
	}
	return From{cmp.Or(address.Name, "SkipUp Keys"), address.Address}, nil
}

// messageID returns a new message ID in the sender's domain, which doesn't reveal the host name.
// It is in lower case so that secret scanners don't take it for a token.
func (f From) messageID() string {
	_, domain, _ := strings.Cut(f.Address, "@")
	return strings.ToLower(rand.Text()) + "@" + domain
}
