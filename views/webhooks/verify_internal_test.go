package webhooks

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	testBody   = `{"type":"seat.assigned","data":{"name":"Zoë"}}`
)

// TestGoSnippetVerifies compiles the snippet as shown, with imports added.
func TestGoSnippetVerifies(t *testing.T) {
	program := "package main\n\nimport (\"fmt\"; \"io\"; \"net\"; \"net/http\"; \"os\")\n" + codeOf(t, "go") + `
func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(receive)))
}`
	file := filepath.Join(t.TempDir(), "receiver.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(t.TempDir(), "receiver")
	if out, err := exec.Command("go", "build", "-o", built, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkReceiver(t, exec.Command(built))
}

// TestNodeSnippetVerifies runs the snippet as shown, on a free port.
func TestNodeSnippetVerifies(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping Node.js in short mode")
	}
	code, port := codeOf(t, "node"), ".listen(3000)"
	if !strings.HasSuffix(code, port) {
		t.Fatalf("snippet does not end with %q", port)
	}
	code = strings.TrimSuffix(code, port) + `.listen(0, '127.0.0.1', function () { console.log('127.0.0.1:' + this.address().port) })`
	node := exec.Command("node", "--input-type=module", "-e", code)
	node.Dir = "../.." // the directory of node_modules
	checkReceiver(t, node)
}

func codeOf(t *testing.T, id string) string {
	t.Helper()
	i := slices.IndexFunc(snippets, func(s snippet) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("no snippet for %q", id)
	}
	return snippets[i].Code
}

// checkReceiver checks that a receiver accepts a signed request and rejects others.
func checkReceiver(t *testing.T, receiver *exec.Cmd) {
	t.Helper()
	address := start(t, receiver)
	hook, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signed := func(at time.Time) http.Header {
		signature, err := hook.Sign("evt_1", at, []byte(testBody))
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		header.Set(standardwebhooks.HeaderWebhookID, "evt_1")
		header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(at.Unix()))
		header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		return header
	}
	forged := signed(now)
	forged.Set(standardwebhooks.HeaderWebhookSignature, "v1,!")
	for _, tt := range []struct {
		name, body string
		header     http.Header
		want       int
	}{
		{"signed", testBody, signed(now), http.StatusNoContent},
		{"altered body", strings.Replace(testBody, "Zoë", "Eve", 1), signed(now), http.StatusUnauthorized},
		{"expired", testBody, signed(now.Add(-time.Hour)), http.StatusUnauthorized},
		{"no signature", testBody, http.Header{}, http.StatusUnauthorized},
		{"malformed signature", testBody, forged, http.StatusUnauthorized},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/webhooks", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = tt.header
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tt.want {
			t.Errorf("%s: status = %d, want %d", tt.name, response.StatusCode, tt.want)
		}
	}
}

// start runs a program until the test ends and returns the address that it prints.
func start(t *testing.T, program *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	program.Env, program.Stderr = append(os.Environ(), "SKIPUP_WEBHOOK_SECRET="+testSecret), &stderr
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = program.Wait()
		t.Fatalf("program does not listen: %v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(address)
}
