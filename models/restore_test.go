package models_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// restored replaces the database at a URL by a backup, and opens it.
func (s fixture) restored(t *testing.T, path, databaseURL string, o models.RestoreOptions) (fixture, *models.Restore, models.Restored) {
	t.Helper()
	o.EncryptionKeys = [][]byte{modelstest.EncryptionKey}
	r, err := models.PrepareRestore(s.ctx, databaseURL, path, o)
	if err != nil {
		t.Fatalf("prepare the restore: %v", err)
	}
	done, err := r.Run(s.ctx)
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	next := s
	next.Store = modelstest.Unmigrated(t, databaseURL)
	if _, err := next.Migrate(s.ctx); err != nil {
		t.Fatalf("migrate the restored database: %v", err)
	}
	return next, r, done
}

func (s fixture) wantStatus(t *testing.T, key *models.APIKey, want models.KeyStatus) {
	t.Helper()
	found, err := s.APIKeyByDigest(s.ctx, key.Digest)
	if err != nil {
		t.Fatal(err)
	}
	modelstest.Equal(t, "status of "+key.Name, found.StatusAt(s.Now()), want)
}

func TestRestoreElsewhere(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		if _, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, models.NewWebhookEndpoint{URL: "https://example.com/", Events: []string{"api_key.created"}}); err != nil {
			t.Fatal(err)
		}
		s.signIn(t, "ada@acme.test")
		path, manifest := s.backUp(t)
		copied, r, done := s.restored(t, path, modelstest.Elsewhere(t, s.URL), models.RestoreOptions{})
		modelstest.Equal(t, "replaced", r.Replaces, models.Replaced{})
		modelstest.Equal(t, "kept", done.Kept, "")
		copied.wantStatus(t, key, models.KeyActive)
		copied.signIn(t, "ada@acme.test")
		unreadable, err := copied.UnreadableSecrets(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "unreadable secrets", len(unreadable.Endpoints), 0)
		found, err := copied.VerifyAudit(s.ctx, "", []string{manifest.AuditHeads[1].Hash}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !found.Intact() {
			t.Errorf("audit log = %+v, want an intact one with the head of the backup", found)
		}
		if path, isSQLite := models.SQLiteFile(copied.URL); isSQLite {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			modelstest.Equal(t, "mode", info.Mode().Perm(), 0o600)
		}
	})
}

func (s fixture) signIn(t *testing.T, email string) {
	t.Helper()
	if _, err := s.SignIn(s.ctx, "", models.Credentials{Email: email, Password: modelstest.Password}); err != nil {
		t.Fatalf("sign in: %v", err)
	}
}

func TestRestoreEndsSessions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.signIn(t, "ada@acme.test")
		path, _ := s.backUp(t)
		copied, _, _ := s.restored(t, path, modelstest.Elsewhere(t, s.URL), models.RestoreOptions{})
		var sessions int64
		if err := copied.DB().Model(&models.Session{}).Count(&sessions).Error; err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "sessions", sessions, 0)
	})
}

func TestRestoreShowsKeysDeletedSince(t *testing.T) {
	for name, tt := range map[string]struct {
		options models.RestoreOptions
		status  models.KeyStatus // of the key deleted after the backup
		other   models.KeyStatus // of another
	}{
		"works again":   {models.RestoreOptions{}, models.KeyActive, models.KeyActive},
		"deleted again": {models.RestoreOptions{DenySince: true}, models.KeyDeleted, models.KeyActive},
		"all paused":    {models.RestoreOptions{PauseKeys: true}, models.KeyPaused, models.KeyPaused},
	} {
		t.Run(name, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				before, since, other := s.key(t, "Before"), s.key(t, "Since"), s.key(t, "Other")
				s.delete(t, before)
				path, _ := s.backUp(t)
				s.delete(t, since)
				s.delete(t, s.key(t, "Not in the backup"))
				s.Disconnect(t)
				next, r, done := s.restored(t, path, s.URL, tt.options)
				var names []string
				for _, key := range r.Replaces.Deleted {
					names = append(names, key.Name)
				}
				modelstest.Equal(t, "keys deleted since", names, []string{"Since"})
				modelstest.Equal(t, "continues", r.Replaces.Continues, true)
				modelstest.Equal(t, "events since", r.Replaces.EventsSince, 5)
				next.wantStatus(t, before, models.KeyDeleted)
				next.wantStatus(t, since, tt.status)
				next.wantStatus(t, other, tt.other)
				if found, err := next.VerifyAudit(s.ctx, "", nil, nil); err != nil || !found.Intact() {
					t.Errorf("audit log = %+v, %v, want an intact one", found, err)
				}
				if _, isSQLite := models.SQLiteFile(s.URL); isSQLite {
					kept := modelstest.Unmigrated(t, "sqlite:"+done.Kept)
					if _, err := kept.Migrate(s.ctx); err != nil {
						t.Fatal(err)
					}
					fixture{Store: kept, id: s.id, ctx: s.ctx}.wantStatus(t, since, models.KeyDeleted)
				}
			})
		})
	}
}

// Every node must drop its keys, whether it knows the history until the backup or what came after it.
func TestRestoreStartsANewHistory(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.delete(t, s.key(t, "First"))
		atBackup := s.changes(t, s.silentNode(t, "node"), models.UnknownKeys).State
		path, _ := s.backUp(t)
		since := s.key(t, "Since")
		s.Exec(t, "DELETE FROM nodes")
		s.delete(t, since)
		afterwards := s.changes(t, s.silentNode(t, "node"), models.UnknownKeys).State
		s.Exec(t, "DELETE FROM nodes")
		s.Disconnect(t)
		next, _, _ := s.restored(t, path, s.URL, models.RestoreOptions{DenySince: true})
		node := next.silentNode(t, "node")
		for name, known := range map[string]models.KeyState{"the backup": atBackup, "what came after it": afterwards} {
			modelstest.Equal(t, "all keys are dropped by a node that knows "+name, next.changes(t, node, known).All, true)
			if err := next.AcknowledgeKeyChanges(s.ctx, node, known); err == nil {
				t.Errorf("a node acknowledged %s", name)
			}
		}
	})
}

func TestRestoreRejectsOtherFiles(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.FillUsage(t, s.id, 5, 5)
		path, _ := s.backUp(t)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{"empty": {}, "text": []byte("CREATE TABLE api_keys (id text);"), "foreign archive": foreignArchive(t)}
		for _, length := range []int{1, 30, 100, len(whole) / 4, len(whole) / 2, len(whole) * 3 / 4, len(whole) - 600, len(whole) - 22, len(whole) - 1} {
			files["the first "+sizeName(length)] = whole[:length]
		}
		for _, at := range []int{len(whole) / 10, len(whole) / 3, len(whole) * 2 / 3} {
			damaged := bytes.Clone(whole)
			for i := range 100 { // one bit may not matter: it can turn a copy of zeros into a copy of other zeros
				damaged[at+i] ^= 0x40
			}
			files["damaged at "+sizeName(at)] = damaged
		}
		elsewhere := modelstest.Elsewhere(t, s.URL)
		for name, content := range files {
			file := filepath.Join(t.TempDir(), "backup.zip")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := models.PrepareRestore(s.ctx, elsewhere, file, models.RestoreOptions{})
			if err == nil {
				t.Errorf("%s: no error", name)
				_ = r.Close()
				continue
			}
			if !models.IsKind(err, models.FailedPrecondition) || !strings.Contains(err.Error(), "isn't a SkipUp Keys backup, or it is incomplete or damaged") {
				t.Errorf("%s: error = %v", name, err)
			}
		}
		if path, isSQLite := models.SQLiteFile(elsewhere); isSQLite {
			modelstest.Equal(t, "files", filesNextTo(t, path), nil)
		}
	})
}

func sizeName(n int) string { return strconv.Itoa(n) + " bytes" }

func foreignArchive(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	entry, err := archive.Create("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(entry, `{"name":"something else"}`); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// edited returns a copy of a backup with another manifest.
func edited(t *testing.T, path string, edit func(m *models.BackupManifest)) string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "edited.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	copied := zip.NewWriter(file)
	for _, entry := range archive.File {
		if entry.Name != "manifest.json" {
			if err := copied.Copy(entry); err != nil {
				t.Fatal(err)
			}
			continue
		}
		read, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		var m models.BackupManifest
		if err := json.NewDecoder(read).Decode(&m); err != nil {
			t.Fatal(err)
		}
		edit(&m)
		write, err := copied.Create(entry.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(write).Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func TestRestoreRejectsBackupsThatDoNotFit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		path, _ := s.backUp(t)
		elsewhere := modelstest.Elsewhere(t, s.URL)
		for want, edit := range map[string]func(m *models.BackupManifest){
			"and this version of skipup supports":    func(m *models.BackupManifest) { m.SchemaVersion = models.LatestSchema() + 1 },
			"with the key with the fingerprint 0a0b": func(m *models.BackupManifest) { m.EncryptionKeys = []string{"0a0b0c0d"} },
			"This is a backup of a mysql database":   func(m *models.BackupManifest) { m.Database = "mysql" },
			"isn't a SkipUp Keys backup":             func(m *models.BackupManifest) { m.Format = "skipup backup 2" },
			"it is incomplete or damaged":            func(m *models.BackupManifest) { m.Data.SHA256 = strings.Repeat("0", 64) },
		} {
			_, err := models.PrepareRestore(s.ctx, elsewhere, edited(t, path, edit), models.RestoreOptions{})
			wantKind(t, err, models.FailedPrecondition)
			if err != nil {
				wantContains(t, err.Error(), want)
			}
		}
		_, err := models.PrepareRestore(s.ctx, elsewhere, path, models.RestoreOptions{DenySince: true})
		wantKind(t, err, models.FailedPrecondition)
	})
}

func TestLatestSchema(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		version, err := s.SchemaVersion(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "latest schema", models.LatestSchema(), version)
	})
}

func TestRestoreRejectsADatabaseInUse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		path, _ := s.backUp(t)
		node := s.silentNode(t, "web-1")
		s.confirm(t, node)
		_, err := models.PrepareRestore(s.ctx, s.URL, path, models.RestoreOptions{})
		wantKind(t, err, models.FailedPrecondition)
		if err != nil {
			wantContains(t, err.Error(), "in use")
		}
	})
}

func TestRestoreIgnoresANodeThatHasCrashed(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		key := s.key(t, "CI")
		path, _ := s.backUp(t)
		s.silentNode(t, "web-1")
		s.Disconnect(t)
		next, _, _ := s.restored(t, path, s.URL, models.RestoreOptions{})
		next.wantStatus(t, key, models.KeyActive)
	})
}

func TestRestoreOfAnEarlierSchema(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, empty *modelstest.Store) {
		old := modelstest.Unmigrated(t, modelstest.Elsewhere(t, empty.URL))
		if err := old.MigrateTo(t.Context(), 13); err != nil {
			t.Fatal(err)
		}
		s := fixture{Store: old, ctx: t.Context()}
		path, manifest := s.backUp(t)
		modelstest.Equal(t, "schema version", manifest.SchemaVersion, 13)
		next, _, _ := s.restored(t, path, modelstest.Elsewhere(t, old.URL), models.RestoreOptions{})
		version, err := next.SchemaVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "schema version", version, models.LatestSchema())
	})
}

// On PostgreSQL, the tables are replaced before the keys are deleted again. No node may start in between.
func TestInterruptedRestoreOnPostgreSQL(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	since := s.key(t, "Since")
	path, _ := s.backUp(t)
	s.delete(t, since)
	r, err := models.PrepareRestore(s.ctx, s.URL, path, models.RestoreOptions{DenySince: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Load(s.ctx); err != nil {
		t.Fatal(err)
	}
	_, err = modelstest.Unmigrated(t, s.URL).Migrate(s.ctx)
	wantKind(t, err, models.FailedPrecondition)
	next, again, _ := s.restored(t, path, s.URL, models.RestoreOptions{DenySince: true})
	modelstest.Equal(t, "keys deleted since", len(again.Replaces.Deleted), 1)
	next.wantStatus(t, since, models.KeyDeleted)
}

func TestRestoreKeepsTablesOfOthers(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	path, _ := s.backUp(t)
	s.Exec(t, "CREATE TABLE invoices (id text)")
	_, err := models.PrepareRestore(s.ctx, s.URL, path, models.RestoreOptions{})
	wantKind(t, err, models.FailedPrecondition)
	if err != nil {
		wantContains(t, err.Error(), `"invoices"`)
	}
}

// The lost database can be the reason for the restore.
func TestRestoreReplacesADamagedDatabase(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	key := s.key(t, "CI")
	path, _ := s.backUp(t)
	s.Disconnect(t)
	database, _ := models.SQLiteFile(s.URL)
	if err := os.WriteFile(database, []byte(strings.Repeat("damaged ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	next, r, done := s.restored(t, path, s.URL, models.RestoreOptions{PauseKeys: true})
	modelstest.Equal(t, "readable", r.Replaces.Readable, false)
	modelstest.Equal(t, "paused", done.Paused, 1)
	next.wantStatus(t, key, models.KeyPaused)
	if text, err := os.ReadFile(done.Kept); err != nil || !strings.HasPrefix(string(text), "damaged ") {
		t.Errorf("kept database: %v, want the damaged one", err)
	}
}
