package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/web/webhook"
)

func TestDelivery(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("thank you")) })
		endpoint, secret := f.endpoint(t, r.URL)
		f.work(t, local)
		f.events(t, 1)
		d := f.attempted(t, endpoint, 1)
		modelstest.Equal(t, "Status", d.Status, models.DeliverySuccess)
		modelstest.Equal(t, "ResponseCode", d.ResponseCode, new(200))
		modelstest.Equal(t, "ResponseExcerpt", d.ResponseExcerpt, "thank you")
		modelstest.Equal(t, "Failure", d.Failure, "")
		got := r.all()
		if len(got) != 1 {
			t.Fatalf("received requests = %d, want 1", len(got))
		}
		want := map[string]string{"Content-Type": "application/json", "User-Agent": "SkipUp-Webhooks/1", "Webhook-Id": d.EventID, "Idempotency-Key": ""}
		for name, value := range want {
			if sent := got[0].header.Get(name); sent != value {
				t.Errorf("%s is %q, want %q", name, sent, value)
			}
		}
		requireSigned(t, got[0], secret)
	})
}

// requireSigned checks both signatures, the first with the public library.
func requireSigned(t *testing.T, got received, secret string) {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Verify(got.body, got.header); err != nil {
		t.Error(err)
	}
	if err := hook.Verify(append(got.body, ' '), got.header); err == nil {
		t.Error("Verify accepted another body")
	}
	timestamp, signatures, _ := strings.Cut(got.header.Get("X-Webhook-Signature"), ",")
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", strings.TrimPrefix(timestamp, "t="), got.body)
	if !strings.Contains(","+signatures+",", ",v1="+hex.EncodeToString(mac.Sum(nil))+",") {
		t.Errorf("X-Webhook-Signature %q has no signature with this secret", got.header.Get("X-Webhook-Signature"))
	}
}

func TestDeliveryIsSignedWithBothSecrets(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	r := newReceiver(t, ok)
	endpoint, before := f.endpoint(t, r.URL)
	_, after, err := f.RotateWebhookSecret(t.Context(), f.workspace.ID, endpoint.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.events(t, 1)
	f.work(t, local)
	await(t, "it arrives", func() bool { return len(r.all()) == 1 })
	requireSigned(t, r.all()[0], before)
	requireSigned(t, r.all()[0], after.Reveal())
}

// verifyInNode verifies a request with the npm package standardwebhooks and prints the result.
const verifyInNode = `
const { Webhook } = require("standardwebhooks");
const { body, headers, secret } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verified = (headers) => { try { return new Webhook(secret).verify(body, headers).type } catch (e) { return e.message } };
console.log(verified(headers));
console.log(verified({ ...headers, "webhook-id": "evt_other" }));`

func TestNPMPackageVerifiesSignature(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped by -short")
	}
	f := newFixture(t, modelstest.NewSQLite(t))
	r := newReceiver(t, ok)
	_, secret := f.endpoint(t, r.URL)
	f.events(t, 1)
	f.work(t, local)
	await(t, "it arrives", func() bool { return len(r.all()) == 1 })
	headers := map[string]string{}
	for name := range r.all()[0].header {
		headers[strings.ToLower(name)] = r.all()[0].header.Get(name)
	}
	input, err := json.Marshal(map[string]any{"body": string(r.all()[0].body), "headers": headers, "secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "-e", verifyInNode)
	node.Dir, node.Stdin = "../..", strings.NewReader(string(input))
	output, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("this test needs Node.js and what npm ci installs (make node_modules): %v\n%s", err, output)
	}
	if string(output) != "api_key.created\nNo matching signature found\n" {
		t.Errorf("output = %q", output)
	}
}

func TestFailures(t *testing.T) {
	elsewhere := newReceiver(t, ok)
	silent := hang(t)
	closes := newReceiver(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	closes.Config.ErrorLog = nil
	plain := newReceiver(t, ok)
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = unused.Close()
	redirect := func(code int) string {
		return newReceiver(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, code) }).URL
	}
	tests := []struct {
		name, url string
		failure   models.DeliveryFailure
		code      int
		status    models.DeliveryStatus
	}{
		{"200", newReceiver(t, status(200)).URL, models.Delivered, 200, models.DeliverySuccess},
		{"204", newReceiver(t, status(204)).URL, models.Delivered, 204, models.DeliverySuccess},
		{"400", newReceiver(t, status(400)).URL, models.FailedStatus, 400, models.DeliveryPending},
		{"500", newReceiver(t, status(500)).URL, models.FailedStatus, 500, models.DeliveryPending},
		{"410", newReceiver(t, status(410)).URL, models.FailedGone, 410, models.DeliveryFailed},
		{"301", redirect(301), models.FailedRedirect, 301, models.DeliveryPending},
		{"307", redirect(307), models.FailedRedirect, 307, models.DeliveryPending},
		{"308", redirect(308), models.FailedRedirect, 308, models.DeliveryPending},
		{"no response", silent.URL, models.FailedTimeout, 0, models.DeliveryPending},
		{"closes", closes.URL, models.FailedConnection, 0, models.DeliveryPending},
		{"no listener", "http://" + unused.Addr().String(), models.FailedConnection, 0, models.DeliveryPending},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), models.FailedTLS, 0, models.DeliveryPending},
		{"no such name", "http://unused.invalid/", models.FailedName, 0, models.DeliveryPending},
	}
	f := newFixture(t, modelstest.NewSQLite(t))
	endpoints := make([]*models.WebhookEndpoint, len(tests))
	for i, tt := range tests {
		endpoints[i], _ = f.endpoint(t, tt.url)
	}
	f.events(t, 1)
	options := local
	options.Timeout = 2 * time.Second
	options.Resolver = nameServer(t, func(string) []string { return nil })
	f.work(t, options)
	for i, tt := range tests {
		d := f.attempted(t, endpoints[i], 1)
		code := 0
		if d.ResponseCode != nil {
			code = *d.ResponseCode
		}
		modelstest.Equal(t, tt.name+": failure", d.Failure, tt.failure)
		modelstest.Equal(t, tt.name+": code", code, tt.code)
		modelstest.Equal(t, tt.name+": status", d.Status, tt.status)
	}
	if n := len(elsewhere.all()); n != 0 {
		t.Errorf("followed redirects = %d, want 0", n)
	}
}

// TestAttemptIsOneRequest drops connections after reading a request. The connections were in use before,
// because net/http repeats some requests on such connections.
func TestAttemptIsOneRequest(t *testing.T) {
	const connections = 8
	var dropping atomic.Bool
	together := make(chan struct{}, connections)
	r := newReceiver(t, func(_ http.ResponseWriter, request *http.Request) {
		if dropping.Load() {
			panic(http.ErrAbortHandler)
		}
		together <- struct{}{}
		for len(together) < connections && request.Context().Err() == nil { // so that each has its own connection
			time.Sleep(time.Millisecond)
		}
	})
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	f := newFixture(t, modelstest.NewSQLite(t))
	endpoint, _ := f.endpoint(t, r.URL)
	f.events(t, connections)
	f.work(t, local)
	await(t, "the connections are in use", func() bool {
		health, err := f.WebhookHealth(t.Context(), f.workspace.ID, endpoint.ID)
		return err == nil && health.Succeeded == connections
	})
	dropping.Store(true)
	f.events(t, 1)
	d := f.attempted(t, endpoint, 1)
	if d.Failure != models.FailedConnection {
		t.Errorf("failure = %q, want %q", d.Failure, models.FailedConnection)
	}
	if got := r.ids()[d.EventID]; got != 1 {
		t.Errorf("requests for one attempt = %d, want 1", got)
	}
}

func TestRetry(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		var attempts atomic.Int64
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			switch attempts.Add(1) {
			case 1:
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
			case 2:
				w.Header().Set("Retry-After", f.Now().Add(20*time.Minute).Format(http.TimeFormat))
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		endpoint, _ := f.endpoint(t, r.URL)
		f.work(t, local)
		f.events(t, 1)
		if wait := f.attempted(t, endpoint, 1).NextAttemptAt.Sub(f.Now()); wait != time.Minute {
			t.Errorf("wait with Retry-After of a minute = %v", wait)
		}
		f.Clock.Advance(time.Minute)
		if wait := f.attempted(t, endpoint, 2).NextAttemptAt.Sub(f.Now()); wait < 20*time.Minute-time.Second || wait > 20*time.Minute {
			t.Errorf("wait with Retry-After of 20 minutes = %v", wait)
		}
		f.Clock.Advance(20 * time.Minute)
		if d := f.attempted(t, endpoint, 3); d.Status != models.DeliverySuccess {
			t.Errorf("delivery = %+v", d)
		}
		got := r.all()
		for _, again := range got[1:] {
			if string(again.body) != string(got[0].body) || again.header.Get("Webhook-Id") != got[0].header.Get("Webhook-Id") {
				t.Error("a later attempt has another body or Webhook-Id")
			}
		}
	})
}

func TestNodesSendEachDeliveryOnce(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		const events = 150
		r := newReceiver(t, ok)
		f.endpoint(t, r.URL)
		other := fixture{f.Another(t), f.workspace}
		f.work(t, local)
		other.work(t, local)
		f.events(t, events/2)
		other.events(t, events/2)
		await(t, "all arrive", func() bool { return len(r.ids()) == events })
		for id, times := range r.ids() {
			if times != 1 {
				t.Errorf("delivery %s was sent %d times, want 1", id, times)
			}
		}
	})
}

func TestEventsOfOtherProcessesAreSent(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		r := newReceiver(t, ok)
		f.endpoint(t, r.URL)
		f.work(t, local)
		fixture{f.Another(t), f.workspace}.events(t, 1)
		await(t, "it arrives", func() bool { return len(r.all()) == 1 })
	})
}

func TestHangingReceiverDoesNotBlockOthers(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		const events = 60
		silent, well := hang(t), newReceiver(t, ok)
		f.endpoint(t, silent.URL)
		f.work(t, local.WithGrace(time.Millisecond))
		f.events(t, 20)
		f.endpoint(t, well.URL)
		f.events(t, events)
		await(t, "the other receiver gets everything", func() bool { return len(well.ids()) == events })
		silent.mu.Lock()
		defer silent.mu.Unlock()
		if silent.mostOnce > 8 || silent.atOnce == 0 {
			t.Errorf("hanging receiver: most concurrent requests = %d, current = %d", silent.mostOnce, silent.atOnce)
		}
	})
}

// TestHangingWorkspaceDoesNotBlockOthers also checks a working receiver in the same workspace.
func TestHangingWorkspaceDoesNotBlockOthers(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	greedy := newWorkspace(t, f.Store, "Greedy")
	silent, well, theirs := hang(t), newReceiver(t, ok), newReceiver(t, ok)
	for range models.MaxWebhookEndpoints - 1 {
		f.endpointOf(t, greedy, silent.URL)
	}
	f.work(t, local.WithGrace(time.Millisecond))
	f.eventsOf(t, greedy, 10)
	f.endpointOf(t, greedy, well.URL)
	f.endpoint(t, theirs.URL)
	f.eventsOf(t, greedy, 10)
	f.events(t, 30)
	await(t, "the other workspace gets everything", func() bool { return len(theirs.ids()) == 30 })
	await(t, "the receiver that is well gets everything", func() bool { return len(well.ids()) == 10 })
	silent.mu.Lock()
	defer silent.mu.Unlock()
	if silent.mostOnce > 128+50 {
		t.Errorf("most concurrent deliveries of the workspace = %d, want at most %d", silent.mostOnce, 128+50)
	}
}

// TestRunFinishesOnShutdown checks that unfinished deliveries are released for other nodes.
func TestRunFinishesOnShutdown(t *testing.T) {
	each(t, func(t *testing.T, f fixture) {
		entered, release := make(chan struct{}, 9), make(chan struct{})
		slow := newReceiver(t, func(http.ResponseWriter, *http.Request) {
			entered <- struct{}{}
			<-release
		})
		finishing, _ := f.endpoint(t, slow.URL)
		stop := f.work(t, local)
		f.events(t, 1)
		<-entered
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		select {
		case <-stopped:
			t.Error("Run returned before the attempt had finished")
		case <-time.After(50 * time.Millisecond):
		}
		close(release)
		<-stopped
		if d := f.last(t, finishing); d.Status != models.DeliverySuccess {
			t.Errorf("delivery that finished during shutdown = %+v", d)
		}
		if err := f.DeleteWebhookEndpoint(t.Context(), f.workspace.ID, finishing.ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}

		silent := hang(t)
		broken, _ := f.endpoint(t, silent.URL)
		stop = f.work(t, local.WithGrace(time.Millisecond))
		f.events(t, 1)
		await(t, "it is being sent", func() bool { return len(silent.all()) == 1 })
		stop()
		canceled := f.last(t, broken)
		modelstest.Equal(t, "Claim", canceled.Claim, nil)
		modelstest.Equal(t, "Attempts", canceled.Attempts, 0)
		modelstest.Equal(t, "Status", canceled.Status, models.DeliveryPending)
		if canceled.NextAttemptAt.After(f.Now()) {
			t.Errorf("NextAttemptAt = %v, want no later than %v", canceled.NextAttemptAt, f.Now())
		}
	})
}

func TestAttemptedCallback(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	endpoint, _ := f.endpoint(t, newReceiver(t, status(500)).URL)
	attempts := make(chan webhook.Attempt, 9)
	options := local
	options.Attempted = func(a webhook.Attempt) { attempts <- a }
	f.work(t, options)
	f.events(t, 1)
	a := <-attempts
	modelstest.Equal(t, "First", a.First, true)
	modelstest.Equal(t, "Failure", a.Failure, models.FailedStatus)
	modelstest.Equal(t, "Delay", a.Delay, 0)
	if a.Took <= 0 {
		t.Errorf("Took = %v, want more than 0", a.Took)
	}
	f.attempted(t, endpoint, 1) // wait until it is recorded, because the next attempt counts from then
	f.Clock.Advance(6 * time.Second)
	if a := <-attempts; a.First || a.Delay < 0 {
		t.Errorf("second attempt = %+v", a)
	}
}

func TestLargeAndSlowResponses(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	large := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	trickles := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	first, _ := f.endpoint(t, large.URL)
	second, _ := f.endpoint(t, trickles.URL)
	f.events(t, 1)
	options := local
	options.Timeout = 300 * time.Millisecond
	f.work(t, options)
	for _, endpoint := range []*models.WebhookEndpoint{first, second} {
		d := f.attempted(t, endpoint, 1)
		modelstest.Equal(t, "Status", d.Status, models.DeliverySuccess)
		if size := len(d.ResponseExcerpt); size == 0 || size > models.MaxResponseExcerpt {
			t.Errorf("excerpt = %d bytes, want 1 to %d", size, models.MaxResponseExcerpt)
		}
	}
}

// TestHangingConnectionIsClosed covers a receiver that accepts the connection but doesn't
// complete the TLS handshake.
func TestHangingConnectionIsClosed(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	closed := make(chan error, 1)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			closed <- err
			return
		}
		defer connection.Close()
		_ = connection.SetReadDeadline(time.Now().Add(patience))
		_, err = io.Copy(io.Discard, connection)
		closed <- err
	}()
	endpoint, _ := f.endpoint(t, "https://"+listener.Addr().String())
	options := local
	options.Timeout = 300 * time.Millisecond
	f.work(t, options)
	f.events(t, 1)
	if d := f.attempted(t, endpoint, 1); d.Failure != models.FailedTimeout {
		t.Errorf("failure = %q, want %q", d.Failure, models.FailedTimeout)
	}
	if err := <-closed; err != nil {
		t.Errorf("connection is still open: %v", err)
	}
}

func TestNextAddressIsTried(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	r := newReceiver(t, ok)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dead := deaf(t, "127.0.0.2", port)
	endpoint, _ := f.endpoint(t, "http://two.example.com:"+port)
	options := local
	options.Timeout = 6 * time.Second
	options.Resolver = nameServer(t, func(string) []string { return []string{dead, "127.0.0.1"} })
	f.work(t, options)
	f.events(t, 1)
	if d := f.attempted(t, endpoint, 1); d.Status != models.DeliverySuccess {
		t.Errorf("failure = %q, want none", d.Failure)
	}
}

// deaf listens on a port of an IP address with a full queue, so that it never responds.
func deaf(t *testing.T, address, port string) string {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Port: number, Addr: netip.MustParseAddr(address).As4()}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(address, port), 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = connection.Close() })
	}
	t.Skip("this system responds on every address")
	return ""
}

func TestAPIKeyInResponseIsRedacted(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	key := token.New(token.Live).Reveal()
	for _, before := range []string{"", strings.Repeat(key+" ", 20)} {
		for _, part := range []int{9, 40} {
			answer := before + strings.Repeat("x", models.MaxResponseExcerpt-len(before)-part) + key + strings.Repeat(".", 4*models.MaxResponseExcerpt)
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
			endpoint, _ := f.endpoint(t, r.URL)
			stop := f.work(t, local)
			f.events(t, 1)
			excerpt := f.attempted(t, endpoint, 1).ResponseExcerpt
			if stop(); strings.Contains(excerpt, key[:len("sk_live_")+5]) || len(excerpt) != models.MaxResponseExcerpt {
				t.Errorf("excerpt with %d characters of a key = %q", part, excerpt)
			}
		}
	}
}

// TestUnreadableSecretsDoNotBlockOthers also checks that they are logged once.
func TestUnreadableSecretsDoNotBlockOthers(t *testing.T) {
	f := newFixture(t, modelstest.NewSQLite(t))
	r := newReceiver(t, ok)
	for i := range 13 {
		workspace := newWorkspace(t, f.Store, fmt.Sprint("Locked", i))
		for range models.MaxWebhookEndpoints {
			f.endpointOf(t, workspace, r.URL)
		}
		f.eventsOf(t, workspace, 1)
	}
	f.Exec(t, "UPDATE webhook_secrets SET sealed = $1", []byte("nonsense"))
	f.endpoint(t, r.URL)
	var logged logged
	options := local
	options.Log = slog.New(&logged)
	stop := f.work(t, options)
	for n := range 5 {
		f.events(t, 1)
		await(t, "the other endpoint gets what is its", func() bool { return len(r.ids()) == n+1 })
	}
	if stop(); logged.count.Load() != 1 {
		t.Errorf("log lines = %d, want 1", logged.count.Load())
	}
}

// logged counts the lines of a log.
type logged struct {
	slog.Handler
	count atomic.Int64
}

func (*logged) Enabled(context.Context, slog.Level) bool { return true }

func (l *logged) Handle(context.Context, slog.Record) error {
	l.count.Add(1)
	return nil
}
