// Package clienttest tests a client that oapi-codegen generates from static/openapi.yaml. It is a module
// of its own so that the product doesn't depend on the generators. `make clients` adds the generated
// client to this package without writing it here.
package clienttest

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	_ "github.com/oapi-codegen/runtime" // of the generated client
)

// program is the server, which `make build` builds.
const program = "../../../bin/skipup"

const adminEmail = "ada@acme.test"

// command returns a command of the program on a database, without the settings of the developer.
func command(t *testing.T, database string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, append(arguments, "--database", "sqlite:"+database)...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	cmd.Stderr = t.Output()
	return cmd
}

// start starts a server with a workspace and returns its URL and an API key.
func start(t *testing.T) (url, key string) {
	t.Helper()
	database := t.TempDir() + "/skipup.db"
	if err := command(t, database, "workspace", "create", "--name", "Acme", "--email", adminEmail, "--admin-name", "Ada", "--generate-password").Run(); err != nil {
		t.Fatal(err)
	}
	printed, err := command(t, database, "keys", "create", "--name", "Test", "--scopes", "api_keys.read,api_keys.write,meeting_requests.write").Output()
	if err != nil {
		t.Fatal(err)
	}
	server := command(t, database, "serve", "--addr", "127.0.0.1:0", "--shutdown-delay", "0s")
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM)
		server.Wait()
	})
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if running := regexp.MustCompile(`is running at (\S+)$`).FindStringSubmatch(lines.Text()); running != nil {
			go io.Copy(io.Discard, output)
			return running[1], strings.TrimSpace(string(printed))
		}
	}
	t.Fatal("skipup exited before it was ready")
	return "", ""
}

// clientOf returns a client that authenticates with key.
func clientOf(t *testing.T, url, key string) *ClientWithResponses {
	t.Helper()
	client, err := NewClientWithResponses(url+"/api/v1", WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// response is a response of the generated client.
type response interface {
	StatusCode() int
	GetBody() []byte
}

// want returns a response, and fails the test unless it has the given status.
func want[R response](t *testing.T, status int) func(R, error) R {
	return func(r R, err error) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode() != status {
			t.Fatalf("%T: status = %d, want %d\n%s", r, r.StatusCode(), status, r.GetBody())
		}
		return r
	}
}

func TestGeneratedClient(t *testing.T) {
	url, key := start(t)
	t.Run("creates, lists, rotates, and deletes a key", func(t *testing.T) { changeKeys(t, url, key) })
	t.Run("creates meeting requests", func(t *testing.T) { createMeetingRequests(t, url, key) })
}

// changeKeys creates, lists, rotates, and deletes a key.
func changeKeys(t *testing.T, url, key string) {
	t.Helper()
	client, ctx := clientOf(t, url, key), t.Context()

	scopes := []Scope{ApiKeysRead}
	created := want[*CreateAPIKeyResponse](t, 201)(client.CreateAPIKeyWithResponse(ctx, nil, NewAPIKey{Name: "CI", Scopes: &scopes})).JSON201.Data
	if got := created.Scopes; !slices.Equal(got, scopes) {
		t.Errorf("scopes of the new key = %q, want %q", got, scopes)
	}
	if created.Key == nil {
		t.Fatal("the created key has no key")
	}

	old := clientOf(t, url, *created.Key)
	page := want[*ListAPIKeysResponse](t, 200)(old.ListAPIKeysWithResponse(ctx, nil)).JSON200
	if got, want := len(page.Data), 2; got != want {
		t.Errorf("listed keys = %d, want %d", got, want)
	}
	if got, want := page.Data[0].Id, created.Id; got != want {
		t.Errorf("newest key = %s, want %s", got, want)
	}
	if page.Meta.NextCursor != nil {
		t.Errorf("next_cursor = %q, want null", *page.Meta.NextCursor)
	}

	rotated := want[*RotateAPIKeyResponse](t, 201)(client.RotateAPIKeyWithResponse(ctx, created.Id, nil, NewReplacement{})).JSON201.Data
	if got, want := rotated.RotatedFrom, created.Id; got != want {
		t.Errorf("rotated_from = %s, want %s", got, want)
	}
	if rotated.Key == nil {
		t.Fatal("the replacement has no key")
	}

	want[*DeleteAPIKeyResponse](t, 204)(client.DeleteAPIKeyWithResponse(ctx, created.Id))
	denied := want[*ShowKeyResponse](t, 401)(old.ShowKeyWithResponse(ctx)).JSON401
	if got, want := denied.Error.Type, "authentication_error"; got != want {
		t.Errorf("error type = %q, want %q", got, want)
	}
	if got, want := denied.Error.Message, "Invalid or missing API key."; got != want {
		t.Errorf("message = %q, want %q", got, want)
	}
	own := want[*ShowKeyResponse](t, 200)(clientOf(t, url, *rotated.Key).ShowKeyWithResponse(ctx)).JSON200.Data
	if got, want := own.Id, rotated.Id; got != want {
		t.Errorf("key of the replacement = %s, want %s", got, want)
	}
}

// createMeetingRequests creates a meeting request with each list of participants, and one without any,
// which is rejected.
func createMeetingRequests(t *testing.T, url, key string) {
	t.Helper()
	client, ctx := clientOf(t, url, key), t.Context()
	emails := []string{"grace@partner.test"}
	for _, wanted := range []NewMeetingRequest{
		{OrganizerEmail: adminEmail, ParticipantEmails: &emails},
		{OrganizerEmail: adminEmail, Participants: &[]Participant{{Email: emails[0]}}},
	} {
		created := want[*CreateMeetingRequestResponse](t, 202)(client.CreateMeetingRequestWithResponse(ctx, nil, wanted)).JSON202.Data
		if got := created.ParticipantEmails; !slices.Equal(got, emails) {
			t.Errorf("participant_emails = %q, want %q", got, emails)
		}
	}
	rejected := want[*CreateMeetingRequestResponse](t, 422)(client.CreateMeetingRequestWithResponse(ctx, nil, NewMeetingRequest{OrganizerEmail: adminEmail}))
	problem := rejected.JSON422.Error
	if got, want := problem.Type, "validation_error"; got != want {
		t.Errorf("error type = %q, want %q", got, want)
	}
	if problem.Fields == nil || (*problem.Fields)["participant_emails"] == "" {
		t.Errorf("body = %s, want a message for the field participant_emails", rejected.Body)
	}
}
