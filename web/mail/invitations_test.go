package mail_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/web/mail"
	"github.com/skipup/keys/web/mail/mailtest"
)

// post is a workspace whose invitations are mailed through a sink.
type post struct {
	*modelstest.Store
	workspace *models.Workspace
	log       *bytes.Buffer
}

// newPost has invitations mailed until the test ends.
func newPost(t *testing.T, store *modelstest.Store, sink *mailtest.Sink) post {
	t.Helper()
	p := post{Store: store.Mailing(t), log: &bytes.Buffer{}}
	p.workspace, _ = p.NewWorkspace(t, "Acme & Söhne", "ada@acme.test")
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() {
		mail.Invitations{
			Store: p.Store.Store, Sender: senderTo(t, "smtp://", sink), PublicURL: "https://keys.acme.test", Log: slog.New(slog.NewTextHandler(p.log, nil)),
		}.Run(ctx)
	})
	t.Cleanup(func() {
		stop()
		working.Wait()
		if found := regexp.MustCompile(`[A-Z2-7]{26}`).FindString(p.log.String()); found != "" {
			t.Errorf("the token of a link is in the log: %s", p.log)
		}
	})
	return p
}

func (p post) add(t *testing.T, email, name string) *models.Member {
	t.Helper()
	member, err := p.Store.Store.AddMember(t.Context(), p.workspace.ID, models.NewMember{Email: email, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// until waits for what comes of itself.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 30 s", what)
		}
	}
}

func (p post) state(t *testing.T, member *models.Member) *models.InvitationState {
	t.Helper()
	state, err := p.InvitationOf(t.Context(), member.ID)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// texts are the text and the HTML of a mail.
func texts(t *testing.T, data string) (text, html string) {
	t.Helper()
	message, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var parts [2]string
	reader := multipart.NewReader(message.Body, params["boundary"])
	for i := range parts {
		part, err := reader.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = string(body)
	}
	return parts[0], parts[1]
}

// TestInvitationsAreMailed: to a new person, who sets a password, and to one who has an account.
func TestInvitationsAreMailed(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		sink := mailtest.New(t, mailtest.Options{STARTTLS: true})
		p := newPost(t, store, sink)
		store.NewWorkspace(t, "Rival", "rita@rival.test")
		grace := p.add(t, "grace@acme.test", "Grace")
		until(t, "mailed", func() bool { return p.state(t, grace).MailedAt != nil })

		text, html := texts(t, sink.Received()[0].Data)
		link := regexp.MustCompile(`https://keys\.acme\.test/invitations/([A-Z2-7]{26})`).FindStringSubmatch(text)
		if link == nil || !strings.Contains(html, `href="`+link[0]+`"`) || !strings.Contains(html, "Acme &amp; Söhne") || !strings.HasPrefix(text, "Hello Grace,") {
			t.Fatalf("text %q, html %q", text, html)
		}
		if _, err := p.AcceptInvitation(t.Context(), link[1], "Grace", "a long enough passphrase"); err != nil {
			t.Errorf("the mailed link: %v", err)
		}

		p.add(t, "rita@rival.test", "")
		until(t, "mailed", func() bool { return len(sink.Received()) == 2 })
		text, _ = texts(t, sink.Received()[1].Data)
		if !strings.Contains(text, "Sign in with the password that you have") || !strings.Contains(text, "https://keys.acme.test/invitations/") {
			t.Errorf("text %q", text)
		}
	})
}

// TestMailServerAwayAndBack: nothing is lost, and what the server refuses for good is not sent
// again.
func TestMailServerAwayAndBack(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{})
	sink.Stop()
	p := newPost(t, modelstest.NewSQLite(t), sink)
	grace, nobody := p.add(t, "grace@acme.test", ""), p.add(t, mailtest.Nobody, "")
	for _, member := range []*models.Member{grace, nobody} {
		until(t, "tried in vain", func() bool { return p.state(t, member).Failure == models.MailUnreachable })
	}
	back := mailtest.At(t, sink.Address, mailtest.Options{})
	p.Clock.Advance(time.Minute)
	until(t, "mailed", func() bool {
		state := p.state(t, grace)
		return state.MailedAt != nil && !state.BeingMailed && state.Failure == ""
	})
	until(t, "refused", func() bool {
		state := p.state(t, nobody)
		return state.Failure == models.MailRefused && !state.BeingMailed
	})
	if got := back.Received(); len(got) != 1 || got[0].To != "grace@acme.test" {
		t.Errorf("received %+v", got)
	}
}

// TestAMailOnItsWayIsSeenThrough when the node stops, and noted, so that no other sends it again.
func TestAMailOnItsWayIsSeenThrough(t *testing.T) {
	store := modelstest.NewSQLite(t).Mailing(t)
	workspace, _ := store.NewWorkspace(t, "Acme", "ada@acme.test")
	member, err := store.Store.AddMember(t.Context(), workspace.ID, models.NewMember{Email: "grace@acme.test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	sink := mailtest.New(t, mailtest.Options{Taking: stop})
	mail.Invitations{
		Store: store.Store, Sender: senderTo(t, "smtp://", sink), PublicURL: "https://keys.acme.test", Log: slog.New(slog.DiscardHandler),
	}.Run(ctx)
	state, err := store.InvitationOf(t.Context(), member.ID)
	if err != nil || state.MailedAt == nil || state.BeingMailed || len(sink.Received()) != 1 {
		t.Errorf("%d mails, and the state is %+v, %v", len(sink.Received()), state, err)
	}
}

// TestManyNodesMailEachInvitationOnce.
func TestManyNodesMailEachInvitationOnce(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		sink := mailtest.New(t, mailtest.Options{})
		p := newPost(t, store, sink)
		ctx, stop := context.WithCancel(context.Background())
		var working sync.WaitGroup
		for range 3 {
			working.Go(func() {
				mail.Invitations{
					Store: p.Store.Store, Sender: senderTo(t, "smtp://", sink), PublicURL: "https://keys.acme.test", Log: slog.New(slog.DiscardHandler),
				}.Run(ctx)
			})
		}
		const people = 20
		for i := range people {
			p.add(t, fmt.Sprintf("p%d@acme.test", i), "")
		}
		until(t, "all mailed", func() bool { return len(sink.Received()) >= people })
		stop()
		working.Wait()
		to := map[string]bool{}
		for _, mail := range sink.Received() {
			to[mail.To] = true
		}
		if len(to) != people || len(sink.Received()) != people {
			t.Errorf("%d mails to %d people", len(sink.Received()), len(to))
		}
	})
}
