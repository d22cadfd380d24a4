package models

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The length of a password in characters. NIST SP 800-63B-4 §3.1.1.2 requires at least 15 for
// single-factor passwords and forbids composition rules.
const (
	MinPassword = 15
	MaxPassword = 256
)

// owaspArgon2id holds the parameters from the OWASP Password Storage Cheat Sheet: 19 MiB, two
// passes, one lane.
var owaspArgon2id = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// commonPasswords lists, in lower case, the passwords with at least 15 characters among the million
// most frequent in a public collection of ten million leaked passwords.
//
//go:embed common_passwords.txt.gz
var commonPasswords []byte

var commonPasswordSet = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool, 10_000)
	unzipped, err := gzip.NewReader(bytes.NewReader(commonPasswords))
	if err != nil {
		panic("decompress common_passwords.txt.gz: " + err.Error())
	}
	lines := bufio.NewScanner(unzipped)
	for lines.Scan() {
		set[lines.Text()] = true
	}
	return set
})

// checkPassword checks that a new password is not too short or long, and not easy to guess from
// lists of leaked passwords or from known words, such as the user's name and email.
func checkPassword(fields Fields, name, password string, known ...string) {
	switch length := utf8.RuneCountInString(norm.NFC.String(password)); {
	case !utf8.ValidString(password):
		fields.add(name, "must be valid UTF-8")
	case length == 0:
		fields.add(name, "is required")
	case length < MinPassword:
		fields.add(name, "must have at least %d characters (you have %d)", MinPassword, length)
	case length > MaxPassword:
		fields.add(name, "must be %d characters or fewer (you have %d)", MaxPassword, length)
	case isGuessable(password, known):
		fields.add(name, "is too common or easy to guess; choose another")
	}
}

func isGuessable(password string, known []string) bool {
	password = fold(password)
	return commonPasswordSet()[password] || isRepetition(password) || isMostlyKnown(password, known)
}

// fold normalizes a text like a password before hashing, and ignores case.
func fold(text string) string { return strings.ToLower(norm.NFKC.String(text)) }

// isRepetition reports whether password repeats a shorter text. That is the case exactly if it
// occurs in its own doubling without the first and last byte.
func isRepetition(password string) bool {
	doubled := password + password
	return len(password) > 1 && strings.Contains(doubled[1:len(doubled)-1], password)
}

// isMostlyKnown reports whether fewer than eight characters of password remain after removing
// known words.
func isMostlyKnown(password string, known []string) bool {
	rest := password
	for _, text := range append(known, "skipup", "password") {
		for _, word := range strings.FieldsFunc(fold(text), func(r rune) bool { return strings.ContainsRune(" .@-_+", r) }) {
			if utf8.RuneCountInString(word) >= 3 {
				rest = strings.ReplaceAll(rest, word, "")
			}
		}
	}
	return utf8.RuneCountInString(rest) < 8
}

// passwordHasher hashes and compares passwords. It limits concurrency, because each operation needs
// 19 MiB and a CPU core.
type passwordHasher struct {
	params *argon2id.Params
	slots  chan struct{}
	decoy  func() string
}

func newPasswordHasher(params *argon2id.Params) *passwordHasher {
	if params == nil {
		params = &owaspArgon2id
	}
	return &passwordHasher{
		params: params,
		slots:  make(chan struct{}, runtime.GOMAXPROCS(0)),
		decoy:  func() string { return decoyHash(params) },
	}
}

// decoyHash returns a hash that takes as long to compare as any other and matches no password.
func decoyHash(params *argon2id.Params) string {
	zeros := func(size uint32) string { return base64.RawStdEncoding.EncodeToString(make([]byte, size)) }
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		params.Memory, params.Iterations, params.Parallelism, zeros(params.SaltLength), zeros(params.KeyLength))
}

// isDecoy reports whether a hash is a decoy, with any parameters: its salt and its key are zeros.
func isDecoy(hash string) bool {
	parts := strings.Split(hash, "$")
	return len(parts) == 6 && strings.Trim(parts[4]+parts[5], "A") == ""
}

func (p *passwordHasher) hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return argon2id.CreateHash(norm.NFKC.String(password), p.params)
}

// matches reports whether password has a hash. For an empty hash it takes the same time and reports
// false.
func (p *passwordHasher) matches(ctx context.Context, password, hash string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	exists := hash != ""
	if !exists {
		hash = p.decoy()
	}
	same, err := argon2id.ComparePasswordAndHash(norm.NFKC.String(password), hash)
	return same && exists, err
}

func (p *passwordHasher) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passwordHasher) leave() { <-p.slots }
