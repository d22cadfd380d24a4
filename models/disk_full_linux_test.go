package models_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// TestDeletionOnAFullDisk fills a small disk. It needs permission to mount one.
func TestDeletionOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("can't mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	url := "sqlite:" + filepath.Join(disk, "test.db")
	store, err := models.Open(url, models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	ctx := t.Context()
	if _, err := store.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	workspace, _, err := store.CreateWorkspace(ctx, models.NewWorkspace{Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: modelstest.Password})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := store.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Leaked"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.KeepReserve(); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = filler.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	for range 10_000 { // until the space left within SQLite's files is used up, too
		if _, _, err = store.CreateAPIKey(ctx, workspace.ID, models.NewAPIKey{Name: "Another"}); err != nil {
			break
		}
	}
	if got := models.OutageCause(err); !models.IsUnavailable(err) || got != "The database has no space left." {
		t.Errorf("create a key on a full disk: %v, cause %q; want that there is no space left", err, got)
	}
	if _, err := store.DeleteAPIKey(ctx, workspace.ID, key.ID, models.Confirmation{}); err != nil {
		t.Errorf("delete a key on a full disk: %v", err)
	}
}
