// Package mail sends email through the operator's SMTP server.
package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Message is an email to one person.
type Message struct {
	To      string // a bare email address
	Subject string // one line
	Text    string
	HTML    string // the same content as Text; may be empty
}

// timeout limits how long Send may take.
const timeout = 20 * time.Second

// Sender sends email. It is safe for concurrent use: each email uses its own connection.
type Sender struct {
	server Server
	from   From
	now    func() time.Time
}

// NewSender returns a Sender that sends from an address through a server. The emails are dated
// with now.
func NewSender(server Server, from From, now func() time.Time) *Sender {
	return &Sender{server, from, now}
}

// Send sends an email and returns once the server has accepted it. If IsRejected reports true for
// the error, sending it again won't help.
func (s *Sender) Send(ctx context.Context, m Message) error {
	message, err := s.compose(m)
	if err != nil {
		return &rejectedError{err}
	}
	client, err := s.server.client()
	if err != nil {
		return fmt.Errorf("set up SMTP client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = client.DialAndSendWithContext(ctx, message)
	switch failure := new(gomail.SendError); {
	case err == nil, message.IsDelivered():
		return nil // QUIT may fail after delivery
	case errors.As(err, &failure) && failure.Reason == gomail.ErrSMTPRcptTo && failure.ErrorCode() >= 500:
		return &rejectedError{err}
	}
	return fmt.Errorf("send email: %w", err)
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := message.FromFormat(s.from.Name, s.from.Address); err != nil {
		return nil, fmt.Errorf("set sender: %w", err)
	}
	if err := message.To(m.To); err != nil {
		return nil, fmt.Errorf("set recipient: %w", err)
	}
	message.Subject(m.Subject)
	message.SetDateWithValue(s.now())
	message.SetMessageIDWithValue(s.from.messageID())
	message.SetGenHeader("Auto-Submitted", "auto-generated") // suppresses out-of-office replies (RFC 3834 §5)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message, nil
}

// IsRejected reports whether the email can never be sent, for example because the recipient
// doesn't exist.
func IsRejected(err error) bool {
	return errors.As(err, new(*rejectedError))
}

type rejectedError struct{ err error }

func (e *rejectedError) Error() string { return "email rejected: " + e.err.Error() }
func (e *rejectedError) Unwrap() error { return e.err }
