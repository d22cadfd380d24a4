package main

import (
	"database/sql"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"       // the database/sql driver "pgx"
	_ "github.com/ncruces/go-sqlite3/driver" // the database/sql driver "sqlite3"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// execute runs statements directly on the database of env.
func execute(t *testing.T, env map[string]string, statements ...string) {
	t.Helper()
	driver, source := "pgx", env["DATABASE_URL"]
	if path, isSQLite := strings.CutPrefix(source, "sqlite:"); isSQLite {
		driver, source = "sqlite3", "file:"+path
	}
	db, err := sql.Open(driver, source)
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
		intact.requireCode(t, exitOK)
		line := regexp.MustCompile(`(?m)^` + workspace + `  intact, (\d+) events, head ([0-9a-f]{64})$`).FindStringSubmatch(intact.stdout)
		if line == nil || !strings.HasPrefix(intact.stdout, "(no workspace)  no events\n") {
			t.Fatalf("stdout: %s", intact.stdout)
		}
		head := line[2]
		skipup(t, env, "audit", "verify", "--workspace", workspace, "--expect", " "+strings.ToUpper(head)+" , "+head).requireCode(t, exitOK)

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
		execute(t, env, trigger, "UPDATE audit_events SET actor_name = 'Someone else' WHERE action = 'api_key.created'")
		broken := skipup(t, env, "audit", "verify", "--json")
		broken.requireCode(t, exitFailed)
		var found verification
		if err := json.Unmarshal([]byte(broken.stdout), &found); err != nil {
			t.Fatal(err)
		}
		if found.Intact {
			t.Error("intact = true, want false")
		}
		if len(found.Chains) != 2 {
			t.Fatalf("%d chains, want 2:\n%s", len(found.Chains), broken.stdout)
		}
		if chain := found.Chains[0]; chain.WorkspaceID != nil || chain.Broken != nil {
			t.Errorf("first chain = %+v, want an intact one without a workspace", chain)
		}
		change := found.Chains[1].Broken
		if change == nil {
			t.Fatal("second chain isn't broken")
		}
		modelstest.Equal(t, "fault", change.Fault, "changed")
		if change.EventID == nil {
			t.Error("the break has no event")
		}
		text := skipup(t, env, "audit", "verify", "--workspace", workspace)
		text.requireCode(t, exitFailed)
		if !regexp.MustCompile(`^` + workspace + `  BROKEN after \d+ events: event \d+ \(aud_\w{26}\) doesn't match its hash: this event or the previous one was changed or inserted\n$`).MatchString(text.stdout) {
			t.Errorf("stdout: %s", text.stdout)
		}
	})
}

func TestAuditVerifyDescribesEveryFault(t *testing.T) {
	found := models.AuditVerification{Missing: []string{"0a"}}
	for _, broken := range []models.AuditBreak{
		{Fault: models.AuditChanged, Seq: 4, EventID: "aud_4"}, {Fault: models.AuditMissing, Seq: 5}, {Fault: models.AuditReordered, Seq: 6, EventID: "aud_6", FoundAt: 9},
		{Fault: models.AuditTruncated, Seq: 7}, {Fault: models.AuditTooLong, Seq: 8, EventID: "aud_8"}, {Fault: models.AuditHead, Seq: 9},
		{Fault: models.AuditUnchained, Seq: -7, EventID: "aud_7"},
	} {
		found.Chains = append(found.Chains, models.AuditReport{WorkspaceID: "ws_1", Events: broken.Seq - 1, Head: "0b", Broken: &broken})
	}
	found.Chains = append(found.Chains, models.AuditReport{}, models.AuditReport{WorkspaceID: "ws_2", Events: 2, Head: "0c"})
	want := `ws_1  BROKEN after 3 events: event 4 (aud_4) doesn't match its hash: this event or the previous one was changed or inserted
ws_1  BROKEN after 4 events: event 5 is missing
ws_1  BROKEN after 5 events: event 6 (aud_6) was moved to position 9
ws_1  BROKEN after 6 events: the events from 7 to the end are missing
ws_1  BROKEN after 7 events: event 8 (aud_8) is after the recorded end
ws_1  BROKEN after 8 events: the recorded head isn't the hash of the last event
ws_1  BROKEN after -8 events: event aud_7 isn't part of the chain (position -7): it was inserted
(no workspace)  no events
ws_2  intact, 2 events, head 0c
MISSING  no event has the expected hash 0a`
	if diff := cmp.Diff(want, verificationText(found)); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestAuditVerifyAsJSON(t *testing.T) {
	found := models.AuditVerification{Chains: []models.AuditReport{
		{}, {WorkspaceID: "ws_1", Events: 2, Head: "0c"},
		{WorkspaceID: "ws_2", Events: 5, Head: "0d", Broken: &models.AuditBreak{Fault: models.AuditReordered, Seq: 6, EventID: "aud_6", FoundAt: 9}},
		{WorkspaceID: "ws_3", Broken: &models.AuditBreak{Fault: models.AuditMissing, Seq: 1}},
	}}
	text, err := json.Marshal(newVerification(found))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"intact":false,"chains":[` +
		`{"workspace_id":null,"events":0,"head":null,"broken":null},` +
		`{"workspace_id":"ws_1","events":2,"head":"0c","broken":null},` +
		`{"workspace_id":"ws_2","events":5,"head":"0d","broken":{"fault":"reordered","seq":6,"event_id":"aud_6","found_at":9}},` +
		`{"workspace_id":"ws_3","events":0,"head":null,"broken":{"fault":"missing","seq":1,"event_id":null,"found_at":null}}` +
		`],"missing_expected":[]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAuditVerifyRejectsInvalidFlags(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	skipup(t, env, "audit", "verify", "--workspace", "ws_none").requireFailure(t, exitRejected, "Workspace not found")
	head := strings.Repeat("0a", 32)
	for _, wrong := range []string{"abc", "abcd", head + "a", head + "0a", strings.Repeat("0g", 32), head + ",", head[1:]} {
		skipup(t, env, "audit", "verify", "--expect", wrong).requireFailure(t, exitUsage, "--expect: use heads as printed")
	}
}
