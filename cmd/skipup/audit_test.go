package main

import (
	"database/sql"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"       // the database/sql driver "pgx"
	_ "github.com/ncruces/go-sqlite3/driver" // the database/sql driver "sqlite3"
)

// execute runs statements on the database of env, behind the program's back.
func execute(t *testing.T, env map[string]string, statements ...string) {
	t.Helper()
	driver, address := "pgx", env["DATABASE_URL"]
	if path, isSQLite := strings.CutPrefix(address, "sqlite:"); isSQLite {
		driver, address = "sqlite3", "file:"+path
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestAuditVerify(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env map[string]string) {
		workspace := newWorkspace(t, env)
		newKey(t, env, workspace, "CI", "seats.read")
		intact := skipup(t, env, "audit", "verify")
		intact.requireCode(t, exitDone)
		line := regexp.MustCompile(`(?m)^` + workspace + `  intact, (\d+) events, head ([0-9a-f]{64})$`).FindStringSubmatch(intact.stdout)
		if line == nil || !strings.HasPrefix(intact.stdout, "(no workspace)  no events\n") {
			t.Fatalf("stdout: %s", intact.stdout)
		}
		head := line[2]
		skipup(t, env, "audit", "verify", "--workspace", workspace, "--expect", strings.ToUpper(head)).requireCode(t, exitDone)

		never := strings.Repeat("0a", 32)
		missing := skipup(t, env, "audit", "verify", "--expect", head+","+never)
		missing.requireCode(t, exitFailed)
		if !strings.Contains(missing.stdout, "MISSING  no event has the expected hash "+never+"\n") || strings.Contains(missing.stdout, "hash "+head) {
			t.Errorf("stdout: %s", missing.stdout)
		}

		trigger := "DROP TRIGGER audit_events_kept ON audit_events"
		if strings.HasPrefix(env["DATABASE_URL"], "sqlite:") {
			trigger = "DROP TRIGGER audit_events_kept"
		}
		execute(t, env, trigger, "UPDATE audit_events SET actor_name = 'Somebody else' WHERE action = 'api_key.created'")
		broken := skipup(t, env, "audit", "verify", "--json")
		broken.requireCode(t, exitFailed)
		var found verification
		if err := json.Unmarshal([]byte(broken.stdout), &found); err != nil {
			t.Fatal(err)
		}
		if found.Intact || len(found.Chains) != 2 || found.Chains[0].WorkspaceID != nil || found.Chains[0].Broken != nil ||
			found.Chains[1].Broken == nil || found.Chains[1].Broken.Fault != "changed" || found.Chains[1].Broken.EventID == nil {
			t.Errorf("%s", broken.stdout)
		}
		told := skipup(t, env, "audit", "verify", "--workspace", workspace)
		told.requireCode(t, exitFailed)
		if !regexp.MustCompile(`^` + workspace + `  BROKEN after \d+ events: event \d+ \(aud_\w{26}\) does not fit: it or the one before it was changed or put in\n$`).MatchString(told.stdout) {
			t.Errorf("stdout: %s", told.stdout)
		}
	})
}

func TestAuditVerifyRefuses(t *testing.T) {
	env := onSQLite(t)
	skipup(t, env, "audit", "verify", "--workspace", "ws_none").requireRefused(t, exitRefused, "no such workspace")
	skipup(t, env, "audit", "verify", "--expect", "abc").requireRefused(t, exitUsage, "--expect takes heads as they are printed")
}
