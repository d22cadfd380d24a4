package models_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// backUp backs up the database to a new file.
func (s fixture) backUp(t *testing.T) (path string, manifest *models.BackupManifest) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "backup.zip")
	manifest, err := s.Backup(s.ctx, path, models.BackupOptions{Program: "skipup test"})
	if err != nil {
		t.Fatalf("back up: %v", err)
	}
	return path, manifest
}

// unpack restores a backup to another database without the program, as unzip and psql do.
func unpack(t *testing.T, path, databaseURL string) *modelstest.Store {
	t.Helper()
	elsewhere := modelstest.Elsewhere(t, databaseURL)
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	file, isSQLite := models.SQLiteFile(elsewhere)
	name := "skipup.db"
	if !isSQLite {
		name, file = "skipup.sql", filepath.Join(t.TempDir(), "skipup.sql")
	}
	data, err := archive.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if !isSQLite {
		execute := exec.Command("psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file="+file, strings.Split(elsewhere, "?")[0])
		modelstest.DropSchema(t, elsewhere) // the script creates it
		if out, err := execute.CombinedOutput(); err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
	}
	return modelstest.Unmigrated(t, elsewhere)
}

func TestBackupIsConsistentWhileKeysChange(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.FillUsage(t, s.id, 50, 30)
		ctx, stop := context.WithCancel(s.ctx)
		created, done := make(chan int, 10_000), make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; ctx.Err() == nil; i++ {
				key, _, err := s.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: fmt.Sprintf("CI %d", i)})
				if err == nil {
					_, err = s.DeleteAPIKey(s.ctx, s.id, key.ID, models.NoConfirmation)
				}
				if err != nil {
					t.Errorf("change keys during a backup: %v", err)
					return
				}
				created <- i
			}
		}()
		<-created
		var during int
		path := filepath.Join(t.TempDir(), "backup.zip")
		manifest, err := s.Backup(s.ctx, path, models.BackupOptions{Progress: func(step string, _, _ int64) {
			if strings.HasPrefix(step, "Copying") && during == 0 {
				during = <-created // a change is committed after the snapshot
			}
		}})
		stop()
		<-done
		if err != nil {
			t.Fatal(err)
		}
		if during == 0 {
			t.Fatal("no key changed during the backup")
		}
		copied := unpack(t, path, s.URL)
		found, err := copied.VerifyAudit(s.ctx, "", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !found.Intact() {
			t.Errorf("audit log of the copy = %+v, want an intact one", found)
		}
		var heads []models.ChainHead
		for _, chain := range found.Chains {
			heads = append(heads, models.ChainHead{WorkspaceID: chain.WorkspaceID, Events: chain.Events, Hash: chain.Head})
		}
		modelstest.Equal(t, "heads of the copy", heads, manifest.AuditHeads)
	})
}

func TestBackupHasEverything(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.FillUsage(t, s.id, 3, 3)
		s.delete(t, s.key(t, "CI"))
		path, _ := s.backUp(t)
		modelstest.Equal(t, "copy", unpack(t, path, s.URL).Dump(t), s.Dump(t))
	})
}

func TestBackupManifest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		if _, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, models.NewWebhookEndpoint{URL: "https://example.com/", Events: []string{"api_key.created"}}); err != nil {
			t.Fatal(err)
		}
		path, manifest := s.backUp(t)
		modelstest.Equal(t, "encryption keys", manifest.EncryptionKeys, []string{"1fe5084c"})
		modelstest.Equal(t, "program", manifest.Program, "skipup test")
		version, err := s.SchemaVersion(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "schema version", manifest.SchemaVersion, version)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "mode", info.Mode().Perm(), 0o600)
		modelstest.Equal(t, "files", filesNextTo(t, path), []string{"backup.zip"})
	})
}

func filesNextTo(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	slices.Sort(names)
	return names
}

func TestBackupReplacesAFileOnlyIfAsked(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	path := filepath.Join(t.TempDir(), "backup.zip")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.Backup(s.ctx, path, models.BackupOptions{})
	wantKind(t, err, models.FailedPrecondition)
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("file = %q, want it unchanged", text)
	}
	// Another program creates the file during the backup.
	other := filepath.Join(t.TempDir(), "backup.zip")
	_, err = s.Backup(s.ctx, other, models.BackupOptions{Progress: func(string, int64, int64) { _ = os.WriteFile(other, []byte("precious"), 0o600) }})
	wantKind(t, err, models.FailedPrecondition)
	if text, _ := os.ReadFile(other); string(text) != "precious" {
		t.Errorf("other file = %q, want it unchanged", text)
	}
	modelstest.Equal(t, "files", filesNextTo(t, other), []string{"backup.zip"})
	if _, err := s.Backup(s.ctx, path, models.BackupOptions{Replace: true}); err != nil {
		t.Error(err)
	}
}

func TestInterruptedBackupLeavesNoFile(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		for _, step := range []string{"Copying", "Verifying"} {
			ctx, cancel := context.WithCancel(s.ctx)
			path := filepath.Join(t.TempDir(), "backup.zip")
			_, err := s.Backup(ctx, path, models.BackupOptions{Progress: func(current string, _, _ int64) {
				if strings.HasPrefix(current, step) {
					cancel()
				}
			}})
			if err == nil {
				t.Errorf("%s: error = nil, want one", step)
			}
			modelstest.Equal(t, "files after "+step, filesNextTo(t, path), nil)
		}
	})
}

// Other users of the machine can read the arguments of a process, but not its environment.
func TestBackupHidesThePassword(t *testing.T) {
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	password := os.Getenv("PGPASSWORD")
	if password == "" {
		t.Skip("the server needs no password")
	}
	program, err := exec.LookPath("pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + folder + "/arguments\nexec " + program + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(folder, "pg_dump"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	s.backUp(t)
	arguments, err := os.ReadFile(filepath.Join(folder, "arguments"))
	if err != nil {
		t.Fatal(err)
	}
	wantContains(t, string(arguments), "--snapshot=")
	if strings.Contains(string(arguments), password) {
		t.Error("the arguments of pg_dump contain the password")
	}
}
