package mail

import (
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

// The ports where the address names none: submission with STARTTLS, and with TLS from the
// start (RFC 8314 §3).
const (
	submissionPort  = 587
	submissionsPort = 465
)

// Server is the SMTP server that mail is handed to.
type Server struct {
	host           string
	port           int
	tls            bool // from the start; else by STARTTLS
	user, password string
	roots          *x509.CertPool // nil for those of the system
}

// errServer does not repeat the address, which may hold a password.
var errServer = errors.New("must be smtp://[USER:PASSWORD@]HOST[:PORT] (STARTTLS, port 587) or smtps://… (TLS from the start, port 465); " +
	"in USER and PASSWORD, characters such as / ? # and @ must be percent-encoded")

// ParseServer reads the address of an SMTP server. Its error says what is expected.
//
// With a user the connection must be encrypted, or nothing is sent; without one it is encrypted
// where the server offers it. The certificate is checked either way, but for a server on this
// machine that asks for no password.
func ParseServer(address string) (Server, error) {
	place, err := url.Parse(address)
	if err != nil || place.Scheme != "smtp" && place.Scheme != "smtps" || place.Hostname() == "" ||
		strings.Trim(place.Path, "/") != "" || place.RawQuery != "" || place.Fragment != "" {
		return Server{}, errServer
	}
	server := Server{host: place.Hostname(), port: submissionPort, tls: place.Scheme == "smtps"}
	if server.tls {
		server.port = submissionsPort
	}
	if port := place.Port(); port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return Server{}, errServer
		}
		server.port = int(number)
	}
	if place.User == nil {
		return server, nil
	}
	server.user = place.User.Username()
	server.password, _ = place.User.Password()
	if server.user == "" || server.password == "" {
		return Server{}, errServer
	}
	return server, nil
}

// Trusting is s where certificates that roots vouch for are good.
func (s Server) Trusting(roots *x509.CertPool) Server {
	s.roots = roots
	return s
}

func (s Server) client() (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.port),
		gomail.WithTimeout(Timeout / 2), // it counts twice: until signed in, and from there
		gomail.WithTLSConfig(&tls.Config{
			ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: s.user == "" && s.isLocal(), // nobody is between, and Debian's own certificate names another
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

// From is in whose name mail is sent.
type From struct{ Name, Address string }

var errFrom = errors.New(`must be an address, such as keys@example.com or "SkipUp Keys <keys@example.com>"`)

// ParseFrom reads an address with or without a name before it.
func ParseFrom(text string) (From, error) {
	address, err := mail.ParseAddress(text)
	if err != nil {
		return From{}, errFrom
	}
	from := From{address.Name, address.Address}
	if from.Name == "" {
		from.Name = "SkipUp Keys"
	}
	return from, nil
}

// messageID is a new one, which names the sender's domain and not this machine. In lower case
// nobody takes it for a token.
func (f From) messageID() string {
	_, domain, _ := strings.Cut(f.Address, "@")
	return strings.ToLower(rand.Text()) + "@" + domain
}
