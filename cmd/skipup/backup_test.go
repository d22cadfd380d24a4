package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

func TestBackup(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		newWorkspace(t, env)
		serve(t, env) // a backup needs no pause
		file := filepath.Join(t.TempDir(), "backup.zip")
		done := skipup(t, env, "backup", file)
		done.requireCode(t, exitOK)
		if !regexp.MustCompile(`^Backed up \S+ to ` + file + ` \(\d+\.\d kB\) in \S+\. Schema version \d+, 2 audit events\.\nIt has no encrypted secrets\.\n$`).MatchString(done.stdout) {
			t.Errorf("stdout = %q", done.stdout)
		}
		skipup(t, env, "backup", file).requireFailure(t, exitRejected, "already exists", "--force")
		again := skipup(t, env, "backup", file, "--force", "--json")
		again.requireCode(t, exitOK)
		var m models.BackupManifest
		if err := json.Unmarshal([]byte(again.stdout), &m); err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "chains", len(m.AuditHeads), 2)
	})
}

// A backup before an upgrade must have the schema of the version that can restore it.
func TestBackupNeitherCreatesNorMigrates(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		file := filepath.Join(t.TempDir(), "backup.zip")
		empty := skipup(t, env, "backup", file)
		if database, isSQLite := models.SQLiteFile(env["DATABASE_URL"]); isSQLite {
			empty.requireFailure(t, exitFailed, "there is no database at "+database)
			if _, err := os.Stat(database); !os.IsNotExist(err) {
				t.Errorf("database: %v, want none", err)
			}
			return
		}
		empty.requireFailure(t, exitRejected, "is empty")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("backup: %v, want none", err)
		}
	})
}

func TestBackupRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	newWorkspace(t, env)
	skipup(t, env, "backup").requireFailure(t, exitUsage, "specify the name of one file")
	skipup(t, env, "backup", filepath.Join(t.TempDir(), "missing", "backup.zip")).requireFailure(t, exitFailed, "can't back up the database", "no such file or directory")
}
