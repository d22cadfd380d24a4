package models

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// EncryptionKeySize is the length of an encryption key in bytes.
const EncryptionKeySize = chacha20poly1305.KeySize

const (
	sealedVersion = 1 // XChaCha20-Poly1305, whose nonces are long enough to be random
	keyNameLen    = 4 // bytes of the key's SHA-256 that identify the key
)

var errNoEncryptionKey = Errorf(FailedPrecondition, "This server has no encryption key, which webhooks and second factors need. Ask its operator to set SKIPUP_ENCRYPTION_KEY.")

// errUnknownKey is returned for a value that was sealed with a key that is no longer configured.
var errUnknownKey = errors.New("sealed with an encryption key that is not configured: add it after the current one in SKIPUP_ENCRYPTION_KEY")

// sealer encrypts values that must be read again, unlike passwords and API keys. It seals with its
// first key and opens with any of them.
type sealer struct{ keys []sealingKey }

type sealingKey struct {
	name [keyNameLen]byte
	aead cipher.AEAD
}

func newSealer(keys [][]byte) (sealer, error) {
	var s sealer
	for _, key := range keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return sealer{}, fmt.Errorf("encryption key: %w", err)
		}
		sum := sha256.Sum256(key)
		s.keys = append(s.keys, sealingKey{[keyNameLen]byte(sum[:]), aead})
	}
	return s, nil
}

// seal encrypts text for one row; it can't be opened for another. It returns FailedPrecondition if
// no key is configured.
func (s sealer) seal(text, row string) ([]byte, error) {
	if len(s.keys) == 0 {
		return nil, errNoEncryptionKey
	}
	key := s.keys[0]
	nonce := make([]byte, key.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	sealed := append([]byte{sealedVersion}, key.name[:]...)
	sealed = append(sealed, nonce...)
	return key.aead.Seal(sealed, nonce, []byte(text), []byte(row)), nil
}

// open decrypts a value that was sealed for row.
func (s sealer) open(sealed []byte, row string) (string, error) {
	const start = 1 + keyNameLen
	if len(sealed) < start+chacha20poly1305.NonceSizeX || sealed[0] != sealedVersion {
		return "", errors.New("not sealed by this program")
	}
	for _, key := range s.keys {
		if key.name != [keyNameLen]byte(sealed[1:start]) {
			continue
		}
		nonce, text := sealed[start:start+key.aead.NonceSize()], sealed[start+key.aead.NonceSize():]
		opened, err := key.aead.Open(nil, nonce, text, []byte(row))
		if err != nil {
			return "", fmt.Errorf("open the value sealed for %s: %w", row, err)
		}
		return string(opened), nil
	}
	return "", errUnknownKey
}

// needsResealing reports whether sealed was sealed with a key other than the first.
func (s sealer) needsResealing(sealed []byte) bool {
	return len(s.keys) > 0 && len(sealed) > keyNameLen && [keyNameLen]byte(sealed[1:]) != s.keys[0].name
}
