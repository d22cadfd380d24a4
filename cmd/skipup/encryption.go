package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/skipup/keys/models"
)

// loadEncryptionKeys returns the configured keys. Without any, a single node on SQLite uses a key
// file next to the database, which the first start creates. It is a separate file so that a copy
// of the database, such as a backup, does not contain the key. On PostgreSQL all nodes need the
// same key, so without a configured one there are no webhooks.
func loadEncryptionKeys(s settings) (encryptionKeys, error) {
	database, isSQLite := models.SQLiteFile(string(s.Database))
	if s.EncryptionKey != nil || !isSQLite {
		return s.EncryptionKey, nil
	}
	path := database + ".key"
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = createKeyFile(path)
	}
	if err != nil {
		return nil, failf("can't read or create the encryption key next to the database; set %s instead: %w", encryptionKeyOption.variable, err)
	}
	var keys encryptionKeys
	if err := keys.UnmarshalText(bytes.TrimSpace(text)); err != nil || keys == nil {
		return nil, failf("%s doesn't contain an encryption key; restore the file, or set %s", path, encryptionKeyOption.variable)
	}
	return keys, nil
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
