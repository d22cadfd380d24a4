package models_test

import (
	"database/sql"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// wantDiagnosis fails the test unless the diagnoses of a check are one with the given level and text, and
// all problems have remedies.
func wantDiagnosis(t *testing.T, found []models.Diagnosis, check string, level models.Level, text string) {
	t.Helper()
	for _, d := range found {
		if (d.Level == models.LevelOK) != (d.Remedy == "") {
			t.Errorf("%s is %s with the remedy %q", d.Check, d.Level, d.Remedy)
		}
	}
	i := slices.IndexFunc(found, func(d models.Diagnosis) bool { return d.Check == check && d.Level == level })
	if i < 0 {
		t.Errorf("diagnoses = %+v, want one of %s with level %s", found, check, level)
		return
	}
	wantContains(t, found[i].Message, text)
}

func TestDiagnoseAHealthyDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.silentNode(t, "web-1")
		found := s.Diagnose(s.ctx)
		for _, check := range []string{"database", "schema", "encryption_key", "clock", "lease", "nodes"} {
			if check != "database" || strings.HasPrefix(s.URL, "sqlite:") { // PostgreSQL may have the locale C
				wantDiagnosis(t, found, check, models.LevelOK, "")
			}
		}
	})
}

// TestDiagnoseReplication receives commits as an asynchronous standby does.
func TestDiagnoseReplication(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	receiver := exec.CommandContext(t.Context(), "pg_receivewal", "--directory", t.TempDir(), "--no-password")
	receiver.Stderr = t.Output()
	if err := receiver.Start(); err != nil {
		t.Fatalf("start pg_receivewal (Debian package postgresql-client): %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = receiver.Wait(); close(ended) }()
	t.Cleanup(func() { <-ended })
	isWarning := func(d models.Diagnosis) bool { return d.Check == "replication" && d.Level == models.LevelWarning }
	found := s.Diagnose(s.ctx)
	for !slices.ContainsFunc(found, isWarning) {
		select {
		case <-ended:
			t.Fatal("pg_receivewal can't connect")
		case <-time.After(10 * time.Millisecond):
			found = s.Diagnose(s.ctx)
		}
	}
	wantDiagnosis(t, found, "replication", models.LevelWarning, "so a failover can undo the deletion of a key")
}

func TestDiagnoseProblems(t *testing.T) {
	for _, tt := range []struct {
		check string
		level models.Level
		text  string
		cause func(t *testing.T, s fixture)
	}{
		{"schema", models.LevelWarning, "knows only", func(t *testing.T, s fixture) {
			s.Exec(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
		}},
		{"schema", models.LevelError, "has version 999", func(t *testing.T, s fixture) {
			s.Exec(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
			s.Exec(t, "UPDATE installation SET oldest_program = 999")
		}},
		{"schema", models.LevelWarning, "and this program uses", func(t *testing.T, s fixture) {
			s.Exec(t, "DELETE FROM goose_db_version WHERE version_id > 20")
		}},
		{"schema", models.LevelWarning, "is empty", func(t *testing.T, s fixture) { s.Exec(t, "DROP TABLE goose_db_version") }},
		{"encryption_key", models.LevelError, "of 1 webhook endpoint can", func(t *testing.T, s fixture) {
			endpoint := models.NewWebhookEndpoint{URL: "https://example.com/", Events: []string{"api_key.created"}}
			if _, _, err := s.CreateWebhookEndpoint(s.ctx, s.id, endpoint); err != nil {
				t.Fatal(err)
			}
			s.Exec(t, "UPDATE webhook_secrets SET id = 'another'")
		}},
		{"nodes", models.LevelWarning, "web-1 hasn't confirmed 1 changes", func(t *testing.T, s fixture) {
			s.silentNode(t, "web-1")
			s.Exec(t, "UPDATE nodes SET applied_epoch = applied_epoch - 1")
		}},
		{"nodes", models.LevelWarning, "2 different versions", func(t *testing.T, s fixture) {
			s.silentNode(t, "web-1")
			s.Exec(t, "UPDATE nodes SET version = 'skipup v1.0.0'")
			s.silentNode(t, "web-2")
			s.Exec(t, "UPDATE nodes SET version = 'skipup v1.1.0' WHERE name = 'web-2'")
		}},
		{"nodes", models.LevelOK, "Registered nodes: 2.", func(t *testing.T, s fixture) { // one is a service
			s.silentNode(t, "web-1")
			s.Exec(t, "UPDATE nodes SET version = 'skipup v1.0.0'")
			s.silentNode(t, "orders")
		}},
		{"clock", models.LevelError, "in the future", func(t *testing.T, s fixture) {
			s.Clock.Advance(time.Hour)
			s.key(t, "CI")
			s.Clock.Advance(-time.Hour)
		}},
	} {
		t.Run(tt.check+" "+tt.text, func(t *testing.T) {
			eachDatabase(t, func(t *testing.T, s fixture) {
				tt.cause(t, s)
				wantDiagnosis(t, s.Diagnose(s.ctx), tt.check, tt.level, tt.text)
			})
		})
	}
}

func TestDiagnoseConnections(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	s.silentNode(t, "web-1")
	s.silentNode(t, "web-2")
	wantDiagnosis(t, s.Diagnose(s.ctx), "connections", models.LevelOK, "Registered nodes: 2.")
	greedy := s.Limited(t, models.MaxConnections)
	wantDiagnosis(t, greedy.Diagnose(s.ctx), "connections", models.LevelWarning, "but 2 nodes open up to 1000 each")
}

func TestDiagnoseTheClock(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewPostgreSQL(t), "Acme", "ada@acme.test")
	for skew, want := range map[time.Duration]string{time.Hour: "ahead of the database's", -time.Hour: "behind the database's"} {
		wantDiagnosis(t, s.Skewed(t, skew).Diagnose(s.ctx), "clock", models.LevelError, want)
	}
}

func TestDiagnoseADamagedFile(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	s.FillUsage(t, s.id, 20, 30)
	const pageSize = 4096 // SQLite's default
	var usage int         // the number of the first page with usage, from 1
	if err := s.DB().Raw("SELECT rootpage FROM sqlite_schema WHERE name = 'api_key_usage_hours'").Scan(&usage).Error; err != nil {
		t.Fatal(err)
	}
	s.Disconnect(t)
	path, _ := models.SQLiteFile(s.URL)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[(usage-1)*pageSize:], strings.Repeat("damaged ", pageSize/8))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	found := modelstest.Unmigrated(t, s.URL).Diagnose(s.ctx)
	modelstest.Equal(t, "check", found[0].Check, "database")
	modelstest.Equal(t, "level", found[0].Level, models.LevelError)
}

func TestCallerAddresses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		s.called(t, s.key(t, "CI"), "192.0.2.9", "curl/8")
		all, err := s.CallerAddresses(s.ctx, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "addresses", all, []string{"192.0.2.9"})
		later, err := s.CallerAddresses(s.ctx, s.Now().AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		modelstest.Equal(t, "later addresses", len(later), 0)
	})
}

func TestOptimizeEmptiesALargeWAL(t *testing.T) {
	t.Parallel()
	s := newFixture(t, modelstest.NewSQLite(t), "Acme", "ada@acme.test")
	path, _ := models.SQLiteFile(s.URL)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	optimize := func() {
		if err := s.Optimize(s.ctx); err != nil {
			t.Fatal(err)
		}
	}
	optimize()
	if size() == 0 {
		t.Error("a small log was emptied")
	}
	pool, err := s.DB().DB()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := pool.BeginTx(s.ctx, &sql.TxOptions{ReadOnly: true}) // keeps SQLite from emptying the log
	if err != nil {
		t.Fatal(err)
	}
	var keys int
	if err := reader.QueryRow("SELECT count(*) FROM api_keys").Scan(&keys); err != nil {
		t.Fatal(err)
	}
	if err := s.DB().Exec("CREATE TABLE filler AS SELECT zeroblob(1048576) AS data FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) a, (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9)) b").Error; err != nil {
		t.Fatal(err)
	}
	if size() < 64<<20 {
		t.Fatalf("size of the log = %d, want more than 64 MB", size())
	}
	optimize() // the reader is in the way, which isn't an error
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	optimize()
	modelstest.Equal(t, "size of a large log", size(), 0)
}
