package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
)

// keyText is an encryption key as the configuration takes it.
func keyText(fill byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), models.EncryptionKeySize)))
}

// TestWebhooksAreSent by the program itself, to a receiver of its own machine.
func TestWebhooksAreSent(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		arrived := make(chan string, 9)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			arrived <- string(body)
		}))
		defer receiver.Close()
		env["SKIPUP_WEBHOOK_ALLOW_PRIVATE"], env["SKIPUP_ENCRYPTION_KEY"] = "true", keyText('k')+" , "+keyText('o')
		workspace := newWorkspace(t, env)
		key := newKey(t, env, workspace, "CI", "webhooks.write")
		s := serve(t, env, "--metrics-addr", "127.0.0.1:0")
		body := `{"url":"` + receiver.URL + `","events":["api_key.created"]}`
		request, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/webhook_endpoints", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Fatalf("status %d", answer.StatusCode)
		}
		newKey(t, env, workspace, "Made by another process", "")
		select {
		case got := <-arrived:
			if !strings.Contains(got, "Made by another process") {
				t.Errorf("arrived %s", got)
			}
		case <-time.After(testTimeout):
			t.Error("nothing arrives")
		}
	})
}

func TestPrivateWebhooksAreRefusedInPublic(t *testing.T) {
	env := sqliteEnv(t)
	env["SKIPUP_WEBHOOK_ALLOW_PRIVATE"] = "true"
	skipup(t, env, "serve", "--addr", "127.0.0.1:0", "--public-url", "https://keys.example.com").
		requireFailure(t, exitUsage, "--webhook-allow-private (SKIPUP_WEBHOOK_ALLOW_PRIVATE)", "for development")
	if _, err := os.Stat(strings.TrimPrefix(env["DATABASE_URL"], "sqlite:")); err == nil {
		t.Error("the database was made")
	}
}

func TestEncryptionKeyIsChecked(t *testing.T) {
	for _, wrong := range []string{"hunter2", keyText('k')[1:], keyText('k') + ",", keyText('k') + keyText('k')} {
		env := sqliteEnv(t)
		env["SKIPUP_ENCRYPTION_KEY"] = wrong
		got := skipup(t, env, "serve", "--addr", "127.0.0.1:0")
		got.requireFailure(t, exitUsage, "SKIPUP_ENCRYPTION_KEY: must be 32 random bytes in base64")
		if strings.Contains(got.stderr, wrong) {
			t.Error("the complaint repeats the key")
		}
	}
}

// TestKeyFile: on SQLite a key file is made once, for its owner alone; a broken one is not
// replaced, since what was encrypted with it would be lost.
func TestKeyFile(t *testing.T) {
	database := sqliteEnv(t)["DATABASE_URL"]
	path := strings.TrimPrefix(database, "sqlite:") + ".key"
	first, err := encryptionKeys(settings{Database: database})
	if err != nil || len(first) != 1 {
		t.Fatalf("%d keys, %v", len(first), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if again, err := encryptionKeys(settings{Database: database}); err != nil || string(again[0]) != string(first[0]) {
		t.Errorf("the next start finds another key, %v", err)
	}
	if text, err := makeKeyFile(path); err != nil || !strings.HasPrefix(string(text), base64.StdEncoding.EncodeToString(first[0])) {
		t.Errorf("who comes second makes another key, %v", err)
	}
	if files, err := os.ReadDir(strings.TrimSuffix(path, "/test.db.key")); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := encryptionKeys(settings{Database: database}); err == nil || strings.Contains(err.Error(), "broken") {
		t.Errorf("a broken file: %v", err)
	}
	if keys, err := encryptionKeys(settings{Database: "postgres:///"}); err != nil || keys != nil {
		t.Errorf("on PostgreSQL without a key: %v", err)
	}
}
