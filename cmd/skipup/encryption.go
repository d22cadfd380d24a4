package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/web"
)

// loadEncryptionKeys returns the configured keys. Without any, a single node on SQLite uses a key
// file next to the database, which the first start creates. It is a separate file so that a copy
// of the database, such as a backup, does not contain the key. On PostgreSQL all nodes need the
// same key, so without a configured one there are no webhooks.
func loadEncryptionKeys(s settings) (encryptionKeys, error) {
	keys, err := readEncryptionKeys(s)
	path := keyFileOf(s)
	if keys != nil || err != nil || path == "" {
		return keys, err
	}
	text, err := createKeyFile(path)
	if err != nil {
		return nil, errKeyFile(err)
	}
	return parseKeyFile(path, text)
}

// readEncryptionKeys returns the configured keys or those in the key file, or nil if there are none.
func readEncryptionKeys(s settings) (encryptionKeys, error) {
	path := keyFileOf(s)
	if path == "" {
		return s.EncryptionKey, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errKeyFile(err)
	}
	return parseKeyFile(path, text)
}

// keyFileOf returns the path of the key file, or "" if the keys are not in a file.
func keyFileOf(s settings) string {
	database, isSQLite := models.SQLiteFile(string(s.Database))
	if s.EncryptionKey != nil || !isSQLite {
		return ""
	}
	return database + ".key"
}

func parseKeyFile(path string, text []byte) (keys encryptionKeys, err error) {
	if err := keys.UnmarshalText(bytes.TrimSpace(text)); err != nil || keys == nil {
		return nil, failf("%s doesn't contain an encryption key; restore the file, or set %s", path, encryptionKeyOption.variable)
	}
	return keys, nil
}

func errKeyFile(err error) error {
	return failf("can't read or create the encryption key next to the database; set %s instead: %w", encryptionKeyOption.variable, err)
}

// requireReadableSecrets returns an error if the store has secrets that are encrypted with a
// key that is not configured, unless the settings allow it. To start with another key, such as a new
// key file, would hide that the old one is lost.
func requireReadableSecrets(ctx context.Context, s settings, store *models.Store) error {
	unreadable, err := store.UnreadableSecrets(ctx)
	if err != nil || !unreadable.LostKey || bool(s.AllowUnreadable) {
		return err
	}
	restore := "set " + encryptionKeyOption.variable + " to the key that encrypts them"
	if path := keyFileOf(s); path != "" {
		restore = "restore " + path + " from a backup, or " + restore
	}
	return failf("%s can't be decrypted, because their encryption key is missing; %s. "+
		"If the key is lost, start with %s, rotate the secret of each endpoint, and reset the second factors", unreadable, restore, allowUnreadableOption.name())
}

// secretsWorker returns a worker that reports secrets that can't be decrypted.
func secretsWorker(store *models.Store, conditions *web.Conditions, log *slog.Logger) worker {
	return repeat(10*time.Second, log, "check the webhook secrets", func(ctx context.Context) error {
		unreadable, err := store.UnreadableSecrets(ctx)
		if err != nil {
			return err
		}
		sentence := ""
		if len(unreadable.Endpoints) > 0 {
			sentence = fmt.Sprintf("The secrets of these webhook endpoints can't be decrypted, so nothing is sent to them: %s. "+
				"Restore the encryption key (%s), or rotate their secrets.", some(unreadable.Endpoints), encryptionKeyOption.variable)
		}
		conditions.Report("webhook_secrets", sentence)
		sentence = ""
		if len(unreadable.Users) > 0 {
			sentence = fmt.Sprintf("The second factors of these people can't be decrypted, so they can sign in only with a recovery code: %s. "+
				"Restore the encryption key (%s), or reset their second factors.", some(unreadable.Users), encryptionKeyOption.variable)
		}
		conditions.Report("second_factors", sentence)
		return nil
	})
}

// some returns a list of IDs, shortened if it is long.
func some(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

// createKeyFile writes a new key atomically, readable only by its owner, unless the file exists.
// It returns the content of the file: another process may have created it first.
func createKeyFile(path string) ([]byte, error) {
	key := make([]byte, models.EncryptionKeySize)
	_, _ = rand.Read(key)                                                     // never fails (crypto/rand)
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}
