// Package mail sends what the product has to tell people through the operator's SMTP server.
package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Message is a mail to one person. Text and HTML say the same; HTML may be empty.
type Message struct {
	To      string // a bare address
	Subject string // one line
	Text    string
	HTML    string
}

// Timeout bounds how long Send may take.
const Timeout = 20 * time.Second

// Sender sends mail. It is safe for concurrent use: every mail has a connection of its own.
type Sender struct {
	server Server
	from   From
	now    func() time.Time
}

// NewSender sends through server in the name of from. now dates the mails.
func NewSender(server Server, from From, now func() time.Time) *Sender {
	return &Sender{server, from, now}
}

// Send hands a mail to the server and returns once the server has taken it. An error for which
// IsRefused holds will not go away by itself; after any other, send the mail again later.
func (s *Sender) Send(ctx context.Context, m Message) error {
	message, err := s.compose(m)
	if err != nil {
		return &refusedError{err}
	}
	client, err := s.server.client()
	if err != nil {
		return fmt.Errorf("set up SMTP client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	err = client.DialAndSendWithContext(ctx, message)
	switch failure := new(gomail.SendError); {
	case err == nil, message.IsDelivered():
		return nil // taken, though the farewell may have failed
	case errors.As(err, &failure) && failure.Reason == gomail.ErrSMTPRcptTo && failure.ErrorCode() >= 500:
		return &refusedError{err}
	}
	return fmt.Errorf("send mail: %w", err)
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := message.FromFormat(s.from.Name, s.from.Address); err != nil {
		return nil, fmt.Errorf("name the sender: %w", err)
	}
	if err := message.To(m.To); err != nil {
		return nil, fmt.Errorf("name the recipient: %w", err)
	}
	message.Subject(m.Subject)
	message.SetDateWithValue(s.now())
	message.SetMessageIDWithValue(s.from.messageID())
	message.SetGenHeader("Auto-Submitted", "auto-generated") // no holiday notices, please (RFC 3834 §5)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message, nil
}

// IsRefused reports whether err says that the server will never take this mail, such as one to
// an address that does not exist.
func IsRefused(err error) bool {
	refused := new(refusedError)
	return errors.As(err, &refused)
}

type refusedError struct{ err error }

func (e *refusedError) Error() string { return "mail refused: " + e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }
