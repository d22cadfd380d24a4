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

	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/mail/mailtest"
)

var at = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const signedIn = "keys:p%40ss%2Fword@"

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

var letter = mail.Message{
	To: "grace@acme.test", Subject: "Join Ácme",
	Text: "Grüße, follow https://keys.acme.test/x", HTML: "<p>Grüße, <a href=\"https://keys.acme.test/x\">follow</a></p>",
}

func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		options       mailtest.Options
	}{
		{"in clear", "smtp://", mailtest.Options{}},
		{"encrypted where it is offered", "smtp://", mailtest.Options{STARTTLS: true}},
		{"signed in after STARTTLS", "smtp://" + signedIn, mailtest.Options{STARTTLS: true, Auth: true}},
		{"signed in over TLS", "smtps://" + signedIn, mailtest.Options{TLS: true, Auth: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := mailtest.New(t, tt.options)
			if err := senderTo(t, tt.address, sink).Send(context.Background(), letter); err != nil {
				t.Fatal(err)
			}
			received := sink.Received()
			if len(received) != 1 || received[0].From != "keys@acme.test" || received[0].To != "grace@acme.test" {
				t.Fatalf("received %+v", received)
			}
			wantLetter(t, received[0].Data)
		})
	}
}

func wantLetter(t *testing.T, data string) {
	t.Helper()
	got, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject != letter.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"From": `"Keys of Acme" <keys@acme.test>`, "To": "<grace@acme.test>", "Date": "Wed, 25 Nov 2026 12:00:00 +0000", "Auto-Submitted": "auto-generated",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := got.Header.Get("Message-Id"); !strings.HasSuffix(id, "@acme.test>") {
		t.Errorf("message id %q", id)
	}
	_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(got.Body, params["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain", letter.Text}, {"text/html", letter.HTML}} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || string(text) != want.text || !strings.HasPrefix(part.Header.Get("Content-Type"), want.kind) {
			t.Errorf("%s: %q, %v", part.Header.Get("Content-Type"), text, err)
		}
	}
}

// TestSendFails without a word of the password, and says whether trying again can help.
func TestSendFails(t *testing.T) {
	to := func(address string) mail.Message { m := letter; m.To = address; return m }
	for _, tt := range []struct {
		name, address string
		options       mailtest.Options
		message       mail.Message
		refused       bool
	}{
		{"a recipient who does not exist", "smtp://", mailtest.Options{}, to(mailtest.Nobody), true},
		{"a recipient who is busy", "smtp://", mailtest.Options{}, to(mailtest.Busy), false},
		{"a connection that ends", "smtp://", mailtest.Options{}, to(mailtest.Hangup), false},
		{"what is no address", "smtp://", mailtest.Options{}, to("grace"), true},
		{"a line break in the address", "smtp://", mailtest.Options{}, to("grace@acme.test>\r\nRCPT TO:<eve@evil.test"), true},
		{"a wrong password", "smtp://keys:wr0ng-p4ss@", mailtest.Options{STARTTLS: true, Auth: true}, letter, false},
		{"a password, and no encryption", "smtp://keys:wr0ng-p4ss@", mailtest.Options{}, letter, false},
		{"no password where one is asked for", "smtp://", mailtest.Options{STARTTLS: true, Auth: true}, letter, false},
		{"TLS from the start with a server that has none", "smtps://keys:wr0ng-p4ss@", mailtest.Options{}, letter, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := mailtest.New(t, tt.options)
			err := senderTo(t, tt.address, sink).Send(context.Background(), tt.message)
			if err == nil || mail.IsRefused(err) != tt.refused {
				t.Errorf("error %v, refused: %t", err, mail.IsRefused(err))
			}
			if err != nil && strings.Contains(err.Error(), "wr0ng-p4ss") {
				t.Errorf("the error tells the password: %v", err)
			}
			if got := sink.Received(); len(got) != 0 {
				t.Errorf("received %+v", got)
			}
		})
	}
}

// TestCertificateOfAStranger: no password goes to a server that cannot say who it is.
func TestCertificateOfAStranger(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{STARTTLS: true, Auth: true})
	sink.Roots = nil
	if err := senderTo(t, "smtp://"+signedIn, sink).Send(context.Background(), letter); err == nil || mail.IsRefused(err) {
		t.Errorf("error %v", err)
	}
}

func TestServerAwayAndBack(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{})
	sender := senderTo(t, "smtp://", sink)
	sink.Stop()
	if err := sender.Send(context.Background(), letter); err == nil || mail.IsRefused(err) {
		t.Fatalf("away: %v", err)
	}
	back := mailtest.At(t, sink.Address, mailtest.Options{})
	if err := sender.Send(context.Background(), letter); err != nil {
		t.Fatal(err)
	}
	if got := back.Received(); len(got) != 1 {
		t.Errorf("received %+v", got)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := senderTo(t, "smtp://", mailtest.New(t, mailtest.Options{})).Send(ctx, letter); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestParseServerRefuses(t *testing.T) {
	for _, address := range []string{
		"", "mail.acme.test", "http://mail.acme.test", "smtp://", "smtp://:587", "smtp://mail.acme.test:0", "smtp://mail.acme.test:99999",
		"smtp://keys@mail.acme.test", "smtp://:s3cret-p4ss@mail.acme.test", "smtp://mail.acme.test/path", "smtp://mail.acme.test?tls=off", "smtp://keys:s3cret-p4ss@mail acme.test",
	} {
		if _, err := mail.ParseServer(address); err == nil || strings.Contains(err.Error(), "s3cret-p4ss") {
			t.Errorf("%q: %v", address, err)
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
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "acme", "a@b.c, d@e.f", "Acme <keys>"} {
		if got, err := mail.ParseFrom(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
