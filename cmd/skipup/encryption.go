package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/skipup/keys/models"
)

var errEncryptionKey = fmt.Errorf("must be %d random bytes in base64, such as openssl rand -base64 %[1]d prints; older keys may follow, with commas between",
	models.EncryptionKeySize)

func checkEncryptionKey(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	_, err := parseEncryptionKeys(value)
	return value, err
}

func parseEncryptionKeys(text string) (keys [][]byte, err error) {
	for part := range strings.SplitSeq(text, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != models.EncryptionKeySize {
			return nil, errEncryptionKey
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// encryptionKeys are those of the configuration. On SQLite, where one process has the database
// to itself, a key file beside it does as well: it is made at the first start. A copy of the
// database alone, such as a backup, does not have it. On PostgreSQL nodes have to be given the
// same key, and without one there are no webhooks.
func encryptionKeys(s settings) ([][]byte, error) {
	if s.EncryptionKey != "" {
		return parseEncryptionKeys(s.EncryptionKey)
	}
	database, isSQLite := models.SQLiteFile(s.Database)
	if !isSQLite {
		return nil, nil
	}
	path := database + ".key"
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKeyFile(path)
	}
	if err != nil {
		return nil, failf("the encryption key beside the database cannot be read or made, set %s instead: %w", encryptionKeyOption.variable, err)
	}
	keys, err := parseEncryptionKeys(string(text))
	if err != nil {
		return nil, failf("%s does not hold an encryption key: restore it, or set %s", path, encryptionKeyOption.variable)
	}
	return keys, nil
}

// makeKeyFile writes a new key where none is, whole and for its owner alone, and returns what is
// there then: another process may have been quicker.
func makeKeyFile(path string) ([]byte, error) {
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
