package models_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// planted maps descriptions to the secrets that live used.
type planted map[string]string

// live calls every method that takes or returns a secret, and returns the secrets.
func live(t *testing.T, s *modelstest.Store) planted {
	t.Helper()
	const changed, mistyped, failed = "another long enough passphrase", "a mistyped passphrase", "a short one"
	link := newLink(t, s)
	ctx := t.Context()
	n := acme
	n.Password = failed
	if _, _, err := s.SetUp(ctx, link, n); err == nil {
		t.Error("short password was accepted")
	}
	workspace, admin, err := s.SetUp(ctx, link, acme)
	if err != nil {
		t.Fatal(err)
	}
	unused := newLink(t, s)
	first, err := s.SignInNew(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignIn(ctx, "", models.Credentials{Email: mistyped, Password: mistyped, Device: first.Device}); err == nil {
		t.Error("wrong password was accepted")
	}
	second, err := s.SignIn(ctx, "", models.Credentials{Email: acme.AdminEmail, Password: acme.Password, Device: first.Device})
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := s.ChangePassword(ctx, admin.UserID, second.SessionID, acme.Password, changed)
	if err != nil {
		t.Fatal(err)
	}
	third, err := s.SignIn(ctx, "", models.Credentials{Email: acme.AdminEmail, Password: changed})
	if err != nil {
		t.Fatal(err)
	}
	app := s.AddSecondFactor(t, admin.UserID)
	pending, err := s.SignIn(ctx, "", models.Credentials{Email: acme.AdminEmail, Password: changed})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignInWithCode(ctx, "", pending.PendingID, "", app.Recovery[0].Reveal()); err != nil {
		t.Fatal(err)
	}
	key, secret, err := s.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		t.Fatal(err)
	}
	deleted, deletedSecret, err := s.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Deleted"})
	if err != nil {
		t.Fatal(err)
	}
	record(t, s, countsOf(use{key, s.Now(), "192.0.2.7", secret.Reveal(), "GET /me"}))
	if _, err := s.DeleteAPIKey(ctx, workspace.ID, deleted.ID, models.NoConfirmation); err != nil {
		t.Fatal(err)
	}
	return planted{
		"setup link": link, "unused setup link": unused, "password": acme.Password, "new password": changed, "mistyped password": mistyped,
		"rejected password": failed, "first session": first.SessionID, "second session": second.SessionID, "third session": third.SessionID, "renewed session": renewed,
		"authenticator app": app.Secret, "pending sign-in": pending.PendingID,
		"used recovery code": app.Recovery[0].Reveal(), "recovery code": app.Recovery[1].Reveal(), "recovery code as hashed": strings.ReplaceAll(app.Recovery[1].Reveal(), "-", ""),
		"device": first.Device, "new device": third.Device,
		"key": secret.Reveal(), "random part of the key": secret.Reveal()[8:], "deleted key": deletedSecret.Reveal(),
	}
}

// foundIn returns the descriptions of the secrets that text contains, in any common encoding.
func (p planted) foundIn(text string) []string {
	var found []string
	lower := strings.ToLower(text)
	for what, secret := range p {
		for _, form := range []string{
			secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
			strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
		} {
			if strings.Contains(lower, strings.ToLower(form)) {
				found = append(found, what)
				break
			}
		}
	}
	return found
}

func TestNoTableContainsSecrets(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		secrets := live(t, s)
		dump := s.Dump(t)
		for _, table := range []string{"api_keys", "audit_events", "known_devices", "members", "sessions", "setup_links", "sign_in_throttles", "users", "workspaces"} {
			if !strings.Contains(dump, table+"\t") {
				t.Errorf("table %s is empty", table)
			}
		}
		if !strings.Contains(dump, "Ada Admin") || !strings.Contains(dump, "....") {
			t.Error("dump does not contain what is stored")
		}
		if found := secrets.foundIn(dump); len(found) > 0 {
			t.Errorf("tables contain: %s", strings.Join(found, ", "))
		}
	})
}

// Every statement is logged as slow, and then every statement fails.
func TestNoLogLineContainsSecrets(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		var log bytes.Buffer
		store, err := models.Open(s.URL, models.Options{Clock: s.Clock.Now, EncryptionKeys: [][]byte{modelstest.EncryptionKey}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		store.LogEveryStatement()
		secrets := live(t, &modelstest.Store{Store: store, Clock: s.Clock, URL: s.URL})
		if lines := strings.Count(log.String(), "\n"); lines < 50 || !strings.Contains(log.String(), "INSERT INTO") {
			t.Errorf("log has %d lines, want at least 50 with statements", lines)
		}
		for _, table := range []string{"audit_events", "sessions", "api_keys", "users", "setup_links"} {
			if err := store.DB().Exec("ALTER TABLE " + table + " RENAME TO lost_" + table).Error; err != nil {
				t.Fatal(err)
			}
		}
		ctx, failures := t.Context(), 0
		for _, fail := range []func() error{
			func() error {
				_, err := store.SignIn(ctx, "", models.Credentials{Email: acme.AdminEmail, Password: secrets["new password"], Device: secrets["device"]})
				return err
			},
			func() error { _, err := store.Session(ctx, secrets["third session"]); return err },
			func() error { return store.CheckSetupLink(ctx, secrets["unused setup link"]) },
			func() error { _, _, err := store.CreateAPIKey(ctx, "ws_1", models.NewAPIKey{Name: "CI"}); return err },
		} {
			if err := fail(); err != nil {
				failures++
				if found := secrets.foundIn(err.Error()); len(found) > 0 {
					t.Errorf("error %v contains: %s", err, strings.Join(found, ", "))
				}
			}
		}
		if failures != 4 {
			t.Errorf("%d of 4 calls failed, want all", failures)
		}
		if found := secrets.foundIn(log.String()); len(found) > 0 {
			t.Errorf("log contains: %s", strings.Join(found, ", "))
		}
	})
}

// TestLoggedStatementsHaveNoValues checks each way in which GORM logs a statement.
func TestLoggedStatementsHaveNoValues(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, s *modelstest.Store) {
		var log bytes.Buffer
		db := s.Logging(t, slog.New(slog.NewTextHandler(&log, nil))).DB()
		const value = "hunter2"
		var text string
		for name, err := range map[string]error{
			"Raw and Scan": db.Raw("SELECT name FROM users WHERE name = ?", value).Scan(&text).Error,
			"Scan":         db.Table("users").Select("name").Where("name = ?", value).Scan(&text).Error,
			"Pluck":        db.Table("users").Where("name = ?", value).Pluck("name", &[]string{}).Error,
			"Exec":         db.Exec("UPDATE users SET name = ? WHERE name = ?", value, value).Error,
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		modelstest.Equal(t, "logged statements", strings.Count(log.String(), "users"), 4)
		if strings.Contains(log.String(), value) {
			t.Errorf("the log has values of statements:\n%s", &log)
		}
	})
}

func TestPlantedSecretsWouldBeFound(t *testing.T) {
	secrets := planted{"key": "sk_live_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"}
	for _, verb := range []string{"%s", "%x", "%X", "%q", "%d"} {
		if found := secrets.foundIn(fmt.Sprintf("a line with "+verb+" in it", []byte(secrets["key"]))); len(found) != 1 {
			t.Errorf("secret printed with %s is not found", verb)
		}
	}
}
