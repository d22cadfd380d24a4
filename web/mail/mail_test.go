package mail_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/mail/mailtest"
)

var at = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const credentials = "keys:p%40ss%2Fword@"

func senderTo(t *testing.T, address string, sink *mailtest.Sink) *mail.Sender {
	t.Helper()
	server, err := mail.ParseServer(address + sink.Address)
	if err != nil {
		t.Fatal(err)
	}
	from, err := mail.ParseFrom("Keys of Acme <keys@acme.test>")
	if err != nil {
		t.Fatal(err)
	}
	return mail.NewSender(server.Trusting(sink.Roots), from, func() time.Time { return at })
}

var message = mail.Message{
	To: "grace@acme.test", Subject: "Join Ácme",
	Text: "Grüße, follow https://keys.acme.test/x", HTML: "<p>Grüße, <a href=\"https://keys.acme.test/x\">follow</a></p>",
}

func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		options       mailtest.Options
	}{
		{"without encryption", "smtp://", mailtest.Options{}},
		{"encrypted if supported", "smtp://", mailtest.Options{STARTTLS: true}},
		{"authenticated after STARTTLS", "smtp://" + credentials, mailtest.Options{STARTTLS: true, Auth: true}},
		{"authenticated over TLS", "smtps://" + credentials, mailtest.Options{TLS: true, Auth: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := mailtest.New(t, tt.options)
			if err := senderTo(t, tt.address, sink).Send(context.Background(), message); err != nil {
				t.Fatal(err)
			}
			received := sink.Received()
			if len(received) != 1 {
				t.Fatalf("received %+v, want one email", received)
			}
			modelstest.Equal(t, "From", received[0].From, "keys@acme.test")
			modelstest.Equal(t, "To", received[0].To, "grace@acme.test")
			wantMessage(t, received[0].Data)
		})
	}
}

func wantMessage(t *testing.T, data string) {
	t.Helper()
	got, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	if subject != message.Subject {
		t.Errorf("subject = %q, want %q", subject, message.Subject)
	}
	for name, want := range map[string]string{
		"From": `"Keys of Acme" <keys@acme.test>`, "To": "<grace@acme.test>", "Date": "Wed, 25 Nov 2026 12:00:00 +0000", "Auto-Submitted": "auto-generated",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if id := got.Header.Get("Message-Id"); !strings.HasSuffix(id, "@acme.test>") {
		t.Errorf("message ID = %q, want one in the sender's domain", id)
	}
	_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(got.Body, params["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain", message.Text}, {"text/html", message.HTML}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != want.text {
			t.Errorf("%s part = %q, want %q", want.kind, text, want.text)
		}
		if got := part.Header.Get("Content-Type"); !strings.HasPrefix(got, want.kind) {
			t.Errorf("content type = %q, want %s", got, want.kind)
		}
	}
}

// TestSendError checks which errors are permanent, and that none contains the password.
func TestSendError(t *testing.T) {
	to := func(email string) mail.Message { m := message; m.To = email; return m }
	for _, tt := range []struct {
		name, address string
		options       mailtest.Options
		message       mail.Message
		rejected      bool
	}{
		{"unknown recipient", "smtp://", mailtest.Options{}, to(mailtest.Unknown), true},
		{"busy recipient", "smtp://", mailtest.Options{}, to(mailtest.Busy), false},
		{"closed connection", "smtp://", mailtest.Options{}, to(mailtest.Hangup), false},
		{"invalid email", "smtp://", mailtest.Options{}, to("grace"), true},
		{"line break in the email", "smtp://", mailtest.Options{}, to("grace@acme.test>\r\nRCPT TO:<eve@evil.test"), true},
		{"wrong password", "smtp://keys:wr0ng-p4ss@", mailtest.Options{STARTTLS: true, Auth: true}, message, false},
		{"password without encryption", "smtp://keys:wr0ng-p4ss@", mailtest.Options{}, message, false},
		{"missing password", "smtp://", mailtest.Options{STARTTLS: true, Auth: true}, message, false},
		{"implicit TLS with a server without TLS", "smtps://keys:wr0ng-p4ss@", mailtest.Options{}, message, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := mailtest.New(t, tt.options)
			err := senderTo(t, tt.address, sink).Send(context.Background(), tt.message)
			if err == nil {
				t.Fatal("Send() returned no error")
			}
			if got := mail.IsRejected(err); got != tt.rejected {
				t.Errorf("IsRejected(%v) = %t, want %t", err, got, tt.rejected)
			}
			if strings.Contains(err.Error(), "wr0ng-p4ss") {
				t.Errorf("error contains the password: %v", err)
			}
			if got := sink.Received(); len(got) != 0 {
				t.Errorf("received %+v, want nothing", got)
			}
		})
	}
}

func TestSendToUntrustedServer(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{STARTTLS: true, Auth: true})
	sink.Roots = nil
	if err := senderTo(t, "smtp://"+credentials, sink).Send(context.Background(), message); err == nil || mail.IsRejected(err) {
		t.Errorf("error = %v, want a temporary one", err)
	}
}

func TestSendAfterServerRestart(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{})
	sender := senderTo(t, "smtp://", sink)
	sink.Stop()
	if err := sender.Send(context.Background(), message); err == nil || mail.IsRejected(err) {
		t.Fatalf("error = %v, want a temporary one", err)
	}
	back := mailtest.At(t, sink.Address, mailtest.Options{})
	if err := sender.Send(context.Background(), message); err != nil {
		t.Fatal(err)
	}
	if got := back.Received(); len(got) != 1 {
		t.Errorf("received %+v, want one email", got)
	}
}

func TestSendCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := senderTo(t, "smtp://", mailtest.New(t, mailtest.Options{})).Send(ctx, message); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

func TestParseServerError(t *testing.T) {
	for _, url := range []string{
		"", "mail.acme.test", "http://mail.acme.test", "smtp://", "smtp://:587", "smtp://mail.acme.test:0", "smtp://mail.acme.test:99999",
		"smtp://keys@mail.acme.test", "smtp://:s3cret-p4ss@mail.acme.test", "smtp://mail.acme.test/path", "smtp://mail.acme.test?tls=off", "smtp://keys:s3cret-p4ss@mail acme.test",
	} {
		_, err := mail.ParseServer(url)
		if err == nil {
			t.Errorf("ParseServer(%q) returned no error", url)
		} else if strings.Contains(err.Error(), "s3cret-p4ss") {
			t.Errorf("error contains the password: %v", err)
		}
	}
}

func TestParseFrom(t *testing.T) {
	for text, want := range map[string]mail.From{
		"keys@acme.test":           {Name: "SkipUp Keys", Address: "keys@acme.test"},
		"Acme <keys@acme.test>":    {Name: "Acme", Address: "keys@acme.test"},
		`"Acme, Inc." <k@acme.io>`: {Name: "Acme, Inc.", Address: "k@acme.io"},
	} {
		if got, err := mail.ParseFrom(text); err != nil || got != want {
			t.Errorf("ParseFrom(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "acme", "a@b.c, d@e.f", "Acme <keys>"} {
		if got, err := mail.ParseFrom(text); err == nil {
			t.Errorf("ParseFrom(%q) = %+v, want an error", text, got)
		}
	}
}
