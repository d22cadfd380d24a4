package models_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestDefaultPasswordParameters(t *testing.T) {
	store, err := models.Open(modelstest.SQLiteURL(t), models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &modelstest.Store{Store: store}
	_, ada := s.NewWorkspace(t, "Acme", "ada@acme.test")
	_, eve := s.NewWorkspace(t, "Other", "eve@other.test")
	if !strings.HasPrefix(ada.User.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash = %s", ada.User.PasswordHash)
	}
	if ada.User.PasswordHash == eve.User.PasswordHash {
		t.Error("two hashes of the same password are equal")
	}
	_, salt, key, err := argon2id.DecodeHash(ada.User.PasswordHash)
	if err != nil {
		t.Fatal(err)
	}
	if len(salt) < 16 {
		t.Errorf("salt = %d bytes, want at least 16", len(salt))
	}
	if len(key) < 32 {
		t.Errorf("key = %d bytes, want at least 32", len(key))
	}
}

func TestUnknownAccountsTakeAsLong(t *testing.T) {
	s := modelstest.NewSQLite(t)
	_, ada := s.NewWorkspace(t, "Acme", "ada@acme.test")
	known, _, _, err := argon2id.DecodeHash(ada.User.PasswordHash)
	if err != nil {
		t.Fatal(err)
	}
	decoy, salt, key, err := argon2id.DecodeHash(s.Decoy())
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "parameters", decoy, known)
	modelstest.Equal(t, "salt bytes", len(salt), int(known.SaltLength))
	modelstest.Equal(t, "key bytes", len(key), int(known.KeyLength))
	decoys := 0
	s.OnDecoy(func() { decoys++ })
	for email, want := range map[string]int{"ada@acme.test": 0, "unknown@acme.test": 1} {
		decoys = 0
		_, err := s.SignIn(t.Context(), "", models.Credentials{Email: email, Password: "wrong"})
		if wantKind(t, err, models.Invalid); decoys != want {
			t.Errorf("%s: %d comparisons with the decoy, want %d", email, decoys, want)
		}
	}
}

func TestPasswordHashingIsLimited(t *testing.T) {
	s := modelstest.NewSQLite(t)
	s.NewWorkspace(t, "Acme", "ada@acme.test")
	slots, release := s.OccupyHasher()
	if slots != runtime.GOMAXPROCS(0) {
		t.Errorf("slots = %d, want one for each of %d cores", slots, runtime.GOMAXPROCS(0))
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	s.OnDecoy(func() { t.Error("a password is compared while all slots are busy") })
	for what, err := range map[string]error{"comparing": s.ComparePassword(gone), "hashing": s.HashPassword(gone)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error = %v, want context.Canceled", what, err)
		}
	}
	waiting := make(chan error)
	go func() { waiting <- s.HashPassword(t.Context()) }()
	select {
	case err := <-waiting:
		t.Errorf("a password is hashed while all slots are busy: %v", err)
	default:
	}
	release()
	if err := <-waiting; err != nil {
		t.Errorf("after the slots were released: %v", err)
	}
}
