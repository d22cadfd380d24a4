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
	secretOfSnippets = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	bodyOfSnippets   = `{"type":"seat.assigned","data":{"name":"Zoë"}}`
)

// TestTheGoSnippetVerifies as it stands on the page, with the imports that an editor adds.
func TestTheGoSnippetVerifies(t *testing.T) {
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
	if said, err := exec.Command("go", "build", "-o", built, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	wantVerified(t, exec.Command(built))
}

// TestTheNodeSnippetVerifies as it stands on the page, but for the port.
func TestTheNodeSnippetVerifies(t *testing.T) {
	if testing.Short() {
		t.Skip("Node.js is left out because of -short")
	}
	code, port := codeOf(t, "node"), ".listen(3000)"
	if !strings.HasSuffix(code, port) {
		t.Fatal("the snippet does not listen")
	}
	code = strings.TrimSuffix(code, port) + `.listen(0, '127.0.0.1', function () { console.log('127.0.0.1:' + this.address().port) })`
	node := exec.Command("node", "--input-type=module", "-e", code)
	node.Dir = "../.." // where the packages are: make node_modules
	wantVerified(t, node)
}

func codeOf(t *testing.T, id string) string {
	t.Helper()
	i := slices.IndexFunc(snippets, func(s snippet) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("there is no snippet for %s", id)
	}
	return snippets[i].Code
}

// wantVerified has a receiver take a good request and refuse others.
func wantVerified(t *testing.T, receiver *exec.Cmd) {
	t.Helper()
	address := started(t, receiver)
	hook, err := standardwebhooks.NewWebhook(secretOfSnippets)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signed := func(at time.Time) http.Header {
		signature, err := hook.Sign("evt_1", at, []byte(bodyOfSnippets))
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
		{"a good one", bodyOfSnippets, signed(now), http.StatusNoContent},
		{"another body", strings.Replace(bodyOfSnippets, "Zoë", "Eve", 1), signed(now), http.StatusUnauthorized},
		{"an old one", bodyOfSnippets, signed(now.Add(-time.Hour)), http.StatusUnauthorized},
		{"no signature at all", bodyOfSnippets, http.Header{}, http.StatusUnauthorized},
		{"a signature that is none", bodyOfSnippets, forged, http.StatusUnauthorized},
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
			t.Errorf("%s gets %d, want %d", tt.name, response.StatusCode, tt.want)
		}
	}
}

// started is the address that a program prints, which runs until the test ends.
func started(t *testing.T, program *exec.Cmd) string {
	t.Helper()
	var said bytes.Buffer
	program.Env, program.Stderr = append(os.Environ(), "SKIPUP_WEBHOOK_SECRET="+secretOfSnippets), &said
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
		t.Fatalf("it does not listen: %v\n%s", err, said.String())
	}
	return strings.TrimSpace(address)
}
