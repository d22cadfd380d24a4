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

// fixture is a workspace whose emails go to a sink.
type fixture struct {
	*modelstest.Store
	workspace *models.Workspace
	log       *bytes.Buffer
}

func workerTo(t *testing.T, store *modelstest.Store, sink *mailtest.Sink, log *slog.Logger) mail.Worker {
	t.Helper()
	return mail.Worker{Store: store.Store, Sender: senderTo(t, "smtp://", sink), PublicURL: "https://keys.acme.test", Log: log}
}

// newFixture runs a worker until the test ends and then checks that it logged no link.
func newFixture(t *testing.T, store *modelstest.Store, sink *mailtest.Sink) fixture {
	t.Helper()
	f := fixture{Store: store.Mailing(t), log: &bytes.Buffer{}}
	f.workspace, _ = f.NewWorkspace(t, "Acme & Söhne", "ada@acme.test")
	ctx, stop := context.WithCancel(context.Background())
	worker := workerTo(t, f.Store, sink, slog.New(slog.NewTextHandler(f.log, nil)))
	var working sync.WaitGroup
	working.Go(func() { worker.Run(ctx) })
	t.Cleanup(func() {
		stop()
		working.Wait()
		if found := regexp.MustCompile(`[A-Z2-7]{26}`).FindString(f.log.String()); found != "" {
			t.Errorf("log contains the token of a link: %s", f.log)
		}
	})
	return f
}

func (f fixture) add(t *testing.T, email, name string) *models.Member {
	t.Helper()
	member, err := f.Store.Store.AddMember(t.Context(), f.workspace.ID, models.NewMember{Email: email, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// waitFor waits until a condition is met.
func waitFor(t *testing.T, condition string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", condition)
		}
	}
}

func (f fixture) status(t *testing.T, member *models.Member) *models.InvitationStatus {
	t.Helper()
	status, err := f.InvitationStatusOf(t.Context(), member.ID)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// parts returns the text and HTML parts of an email.
func parts(t *testing.T, data string) (text, html string) {
	t.Helper()
	message, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var bodies [2]string
	reader := multipart.NewReader(message.Body, params["boundary"])
	for i := range bodies {
		part, err := reader.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = string(body)
	}
	return bodies[0], bodies[1]
}

func TestInvitationEmail(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		sink := mailtest.New(t, mailtest.Options{STARTTLS: true})
		f := newFixture(t, store, sink)
		store.NewWorkspace(t, "Rival", "rita@rival.test")
		grace := f.add(t, "grace@acme.test", "Grace")
		waitFor(t, "the invitation is sent", func() bool { return f.status(t, grace).EmailedAt != nil })

		text, html := parts(t, sink.Received()[0].Data)
		link := regexp.MustCompile(`https://keys\.acme\.test/invitations/([A-Z2-7]{26})`).FindStringSubmatch(text)
		if link == nil {
			t.Fatalf("text contains no link: %q", text)
		}
		if !strings.HasPrefix(text, "Hello,") {
			t.Errorf("text = %q, want a greeting without a name", text)
		}
		if strings.Contains(text+html, "Grace") {
			t.Errorf("email contains a name that its recipient hasn't confirmed: %q %q", text, html)
		}
		for _, want := range []string{`href="` + link[0] + `"`, "Acme &amp; Söhne"} {
			if !strings.Contains(html, want) {
				t.Errorf("HTML does not contain %q: %s", want, html)
			}
		}
		if _, err := f.AcceptInvitation(t.Context(), link[1], "Grace", "a long enough passphrase"); err != nil {
			t.Errorf("accept the invitation: %v", err)
		}

		f.add(t, "rita@rival.test", "")
		waitFor(t, "the second invitation is sent", func() bool { return len(sink.Received()) == 2 })
		text, _ = parts(t, sink.Received()[1].Data)
		for _, want := range []string{"Sign in to join:", "https://keys.acme.test/invitations/"} {
			if !strings.Contains(text, want) {
				t.Errorf("text to a person with an account does not contain %q: %s", want, text)
			}
		}
	})
}

func TestWorkerRetries(t *testing.T) {
	sink := mailtest.New(t, mailtest.Options{})
	sink.Stop()
	f := newFixture(t, modelstest.NewSQLite(t), sink)
	grace, unknown := f.add(t, "grace@acme.test", ""), f.add(t, mailtest.Unknown, "")
	for _, member := range []*models.Member{grace, unknown} {
		waitFor(t, "the first attempt fails", func() bool { return f.status(t, member).Failure == models.EmailUnreachable })
	}
	back := mailtest.At(t, sink.Address, mailtest.Options{})
	f.Clock.Advance(time.Minute)
	waitFor(t, "the email is sent", func() bool {
		status := f.status(t, grace)
		return status.EmailedAt != nil && !status.Emailing && status.Failure == ""
	})
	waitFor(t, "the email is rejected", func() bool {
		status := f.status(t, unknown)
		return status.Failure == models.EmailRejected && !status.Emailing
	})
	if got := back.Received(); len(got) != 1 || got[0].To != "grace@acme.test" {
		t.Errorf("received %+v, want one email to grace@acme.test", got)
	}
}

func TestWorkerFinishesOnShutdown(t *testing.T) {
	store := modelstest.NewSQLite(t).Mailing(t)
	workspace, _ := store.NewWorkspace(t, "Acme", "ada@acme.test")
	member, err := store.Store.AddMember(t.Context(), workspace.ID, models.NewMember{Email: "grace@acme.test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	sink := mailtest.New(t, mailtest.Options{OnData: stop})
	workerTo(t, store, sink, slog.New(slog.DiscardHandler)).Run(ctx)
	if got := len(sink.Received()); got != 1 {
		t.Errorf("received %d emails, want 1", got)
	}
	status, err := store.InvitationStatusOf(t.Context(), member.ID)
	if err != nil {
		t.Fatal(err)
	}
	if status.EmailedAt == nil || status.Emailing {
		t.Errorf("status = %+v, want it recorded as sent", status)
	}
}

func TestWorkersSendEachEmailOnce(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		sink := mailtest.New(t, mailtest.Options{})
		f := newFixture(t, store, sink)
		ctx, stop := context.WithCancel(context.Background())
		worker := workerTo(t, f.Store, sink, slog.New(slog.DiscardHandler))
		var working sync.WaitGroup
		for range 3 {
			working.Go(func() { worker.Run(ctx) })
		}
		const people = 20
		for i := range people {
			f.add(t, fmt.Sprintf("p%d@acme.test", i), "")
		}
		waitFor(t, "all emails are sent", func() bool { return len(sink.Received()) >= people })
		stop()
		working.Wait()
		recipients := map[string]bool{}
		for _, email := range sink.Received() {
			recipients[email.To] = true
		}
		if len(recipients) != people {
			t.Errorf("recipients = %d, want %d", len(recipients), people)
		}
		if got := len(sink.Received()); got != people {
			t.Errorf("emails = %d, want %d", got, people)
		}
	})
}

// TestAccountEmails changes an email and a password. Only the link goes to the new email, without a name,
// because its owner might not know the person.
func TestAccountEmails(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, store *modelstest.Store) {
		sink := mailtest.New(t, mailtest.Options{})
		f := newFixture(t, store, sink)
		members, err := f.MemberList(t.Context(), f.workspace.ID, models.MemberListFilter{PageNumber: 1, PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		ada := members.Members[0].User
		received := func(number int, to string) string {
			t.Helper()
			waitFor(t, "an email is sent", func() bool { return len(sink.Received()) >= number })
			email := sink.Received()[number-1]
			if email.To != to {
				t.Errorf("email %d is to %s, want %s", number, email.To, to)
			}
			text, _ := parts(t, email.Data)
			return text
		}
		if err := f.RequestEmailChange(t.Context(), ada.ID, modelstest.Password, "ada@new.test"); err != nil {
			t.Fatal(err)
		}
		text := received(1, "ada@new.test")
		link := regexp.MustCompile(`https://keys\.acme\.test/confirm-email/([A-Z2-7]{26})`).FindStringSubmatch(text)
		if link == nil || strings.Contains(text, ada.Name) {
			t.Fatalf("email lacks the link, or has the name %s:\n%s", ada.Name, text)
		}
		if err := f.ConfirmEmailChange(t.Context(), link[1], ada.ID); err != nil {
			t.Fatal(err)
		}
		modelstest.Contains(t, "notice", received(2, "ada@acme.test"), ada.Name, "was changed to ada@new.test")
		if _, err := f.ChangePassword(t.Context(), ada.ID, "", modelstest.Password, "nine patient gardeners"); err != nil {
			t.Fatal(err)
		}
		modelstest.Contains(t, "notice", received(3, "ada@new.test"), ada.Name, "The password of your account was changed", "https://keys.acme.test/forgot-password")
	})
}
