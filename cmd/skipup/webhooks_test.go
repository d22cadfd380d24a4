package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
)

// keyText returns an encryption key as text, with all bytes equal to fill.
func keyText(fill byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), models.EncryptionKeySize)))
}

func TestServeSendsWebhooks(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		received := make(chan string, 9)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			received <- string(body)
		}))
		defer receiver.Close()
		env["SKIPUP_WEBHOOK_ALLOW_PRIVATE"], env["SKIPUP_ENCRYPTION_KEY"] = "true", keyText('k')+" , "+keyText('o')
		workspace := newWorkspace(t, env)
		key := newKey(t, env, workspace, "CI", "webhooks.write,api_keys.read")
		s := serve(t, env, "--metrics-addr", "127.0.0.1:0")
		s.post("/api/v1/webhook_endpoints", key, `{"url":"`+receiver.URL+`","events":["api_key.created"]}`, http.StatusCreated)
		newKey(t, env, workspace, "Created by another process", "")
		select {
		case got := <-received:
			if !strings.Contains(got, "Created by another process") {
				t.Errorf("webhook lacks the key's name: %s", got)
			}
		case <-time.After(testTimeout):
			t.Error("no webhook was received")
		}
	})
}

// post sends JSON to the API and returns the response. It fails the test unless the status is as
// wanted.
func (s *testServer) post(path, key, body string, status int) string {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		s.t.Fatalf("POST %s: status = %d, %v, want %d: %s", path, response.StatusCode, err, status, text)
	}
	return string(text)
}

func TestLostEncryptionKey(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		received := make(chan string, 9)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { received <- r.URL.Path }))
		defer receiver.Close()
		env["SKIPUP_WEBHOOK_ALLOW_PRIVATE"] = "true"
		file := strings.TrimPrefix(env["DATABASE_URL"], "sqlite:") + ".key"
		isSQLite := strings.HasPrefix(env["DATABASE_URL"], "sqlite:")
		if !isSQLite {
			env["SKIPUP_ENCRYPTION_KEY"] = keyText('o')
		}
		workspace := newWorkspace(t, env)
		key := newKey(t, env, workspace, "CI", "webhooks.write,api_keys.read")
		first := startProcess(t, env)
		first.waitUntilReady()
		created := first.post("/api/v1/webhook_endpoints", key, `{"url":"`+receiver.URL+`","events":["api_key.created"]}`, http.StatusCreated)
		first.stop()
		id := regexp.MustCompile(`"id":"(we_[^"]+)"`).FindStringSubmatch(created)[1]

		if isSQLite {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		} else {
			delete(env, "SKIPUP_ENCRYPTION_KEY")
		}
		args := []string{"serve", "--addr", "127.0.0.1:0"}
		refused := skipup(t, env, args...)
		refused.requireFailure(t, exitFailed, "the secrets of 1 webhook endpoint can't be decrypted", "set SKIPUP_ENCRYPTION_KEY", "--allow-unreadable-secrets")
		if isSQLite {
			if !strings.Contains(refused.stderr, "restore "+file) {
				t.Errorf("stderr lacks the path of the key file:\n%s", refused.stderr)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("a new key file was created, want none")
			}
		}
		env["SKIPUP_ENCRYPTION_KEY"] = keyText('n')
		skipup(t, env, args...).requireFailure(t, exitFailed, "can't be decrypted")

		s := startProgram(t, env, append(args, "--allow-unreadable-secrets", "true", "--metrics-addr", "127.0.0.1:0")...)
		s.waitUntilReady()
		eventually(t, "readiness does not mention the endpoint", func() bool {
			status, body := s.get(path.HealthReady)
			return status == http.StatusOK && strings.Contains(body, id)
		})
		if got := s.metric(`skipup_problem{problem="webhook_secrets"}`); got != "1" {
			t.Errorf("metric = %q, want 1", got)
		}
		newKey(t, env, workspace, "Waits for the secret", "")
		s.post("/api/v1/webhook_endpoints/"+id+"/rotate_secret", key, `{}`, http.StatusOK)
		select {
		case <-received:
		case <-time.After(testTimeout):
			t.Error("the delivery that waited for a secret was not sent")
		}
		eventually(t, "readiness still mentions the endpoint", func() bool {
			_, body := s.get(path.HealthReady)
			return strings.HasPrefix(body, "ready\nskipup ")
		})
		if got := s.metric(`skipup_problem{problem="webhook_secrets"}`); got != "0" {
			t.Errorf("metric after the rotation = %q, want 0", got)
		}
		s.stop()
		skipupStarts(t, env)
	})
}

// skipupStarts checks that the server starts without any flag.
func skipupStarts(t *testing.T, env map[string]string) {
	t.Helper()
	s := startProcess(t, env)
	s.waitUntilReady()
	s.stop()
}

var metricsAddress = regexp.MustCompile(`"serving metrics","address":"([^"]+)"`)

func TestPublicServerRejectsPrivateWebhooks(t *testing.T) {
	env := sqliteEnv(t)
	env["SKIPUP_WEBHOOK_ALLOW_PRIVATE"] = "true"
	skipup(t, env, "serve", "--addr", "127.0.0.1:0", "--public-url", "https://keys.example.com").
		requireFailure(t, exitUsage, "--webhook-allow-private (SKIPUP_WEBHOOK_ALLOW_PRIVATE)", "for development")
	if _, err := os.Stat(strings.TrimPrefix(env["DATABASE_URL"], "sqlite:")); err == nil {
		t.Error("the database was created")
	}
}

func TestInvalidEncryptionKey(t *testing.T) {
	for _, wrong := range []string{"hunter2", keyText('k')[1:], keyText('k') + ",", keyText('k') + keyText('k')} {
		env := sqliteEnv(t)
		env["SKIPUP_ENCRYPTION_KEY"] = wrong
		got := skipup(t, env, "serve", "--addr", "127.0.0.1:0")
		got.requireFailure(t, exitUsage, "SKIPUP_ENCRYPTION_KEY: use 32 random bytes in base64")
		if strings.Contains(got.stderr, wrong) {
			t.Error("the error repeats the key")
		}
	}
}

// TestKeyFile also checks that a broken key file isn't replaced, because that would lose all secrets
// encrypted with the original key.
func TestKeyFile(t *testing.T) {
	database := sqliteEnv(t)["DATABASE_URL"]
	s := settings{Database: databaseURL(database)}
	path := strings.TrimPrefix(database, "sqlite:") + ".key"
	first, err := loadEncryptionKeys(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 1 {
		t.Fatalf("%d keys, want 1", len(first))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode = %o, want 600", got)
	}
	if again, err := loadEncryptionKeys(s); err != nil || string(again[0]) != string(first[0]) {
		t.Errorf("second load = %x, %v, want the first key", again, err)
	}
	if text, err := createKeyFile(path); err != nil || !strings.HasPrefix(string(text), base64.StdEncoding.EncodeToString(first[0])) {
		t.Errorf("createKeyFile = %s, %v, want the existing key", text, err)
	}
	if files, err := os.ReadDir(strings.TrimSuffix(path, "/test.db.key")); err != nil || len(files) != 1 {
		t.Errorf("files = %v, %v, want only the key file", files, err)
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadEncryptionKeys(s); err == nil {
		t.Error("a broken key file is accepted, want an error")
	} else if strings.Contains(err.Error(), "broken") {
		t.Errorf("error = %q, which repeats the file", err)
	}
	if keys, err := loadEncryptionKeys(settings{Database: "postgres:///"}); err != nil || keys != nil {
		t.Errorf("PostgreSQL without a key: keys = %x, %v, want none", keys, err)
	}
}
