package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// TestGuidesAreTrue runs the commands of the guides one after the other, as a person would who
// reads the page of a running server, and compares what they print with what is shown.
func TestGuidesAreTrue(t *testing.T) {
	env := sqliteEnv(t)
	made := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "ada@acme.test", "--admin-name", "Ada Admin")
	made.requireCode(t, exitOK)
	workspace := strings.TrimSpace(made.stdout)
	newKey(t, env, workspace, "Weekly report", "members.read")
	s := serve(t, env)
	variables := map[string]string{
		"SKIPUP_API_KEY": newKey(t, env, workspace, "Nightly sync", "meeting_requests.read,meeting_requests.write,webhooks.read,webhooks.write,api_keys.read,api_keys.write"),
	}
	status, html := s.get(path.Docs)
	page, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil || status != 200 {
		t.Fatalf("%d, %v", status, err)
	}
	answers := page.Find("[data-printed]")
	if answers.Length() < 10 {
		t.Fatalf("the guides have %d commands with an answer", answers.Length())
	}
	answers.Each(func(_ int, answer *goquery.Selection) {
		id, _ := answer.Attr("data-printed")
		printed := inShell(t, page.Find("#"+id).Text(), variables)
		if !printedLike(answer.Text()).MatchString(squeezed(printed)) {
			t.Errorf("%s is shown to print\n%s\nand prints\n%s", id, answer.Text(), printed)
		}
		remember(id, printed, variables)
	})
	if status, _ := s.get("/api/v1/me", variables["SKIPUP_API_KEY"]); status != 401 {
		t.Errorf("at the end the old key is answered %d, want 401", status)
	}
	if status, _ := s.get("/api/v1/me", variables["NEW_API_KEY"]); status != 200 {
		t.Errorf("at the end the new key is answered %d, want 200", status)
	}
}

func inShell(t *testing.T, line string, variables map[string]string) string {
	t.Helper()
	command := exec.Command("bash", "-c", line)
	command.Env = append(os.Environ(), "no_proxy=*")
	for name, value := range variables {
		command.Env = append(command.Env, name+"="+value)
	}
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

// remember takes what a later command needs out of what one has printed.
func remember(id, printed string, variables map[string]string) {
	var answer struct {
		Data json.RawMessage
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		}
	}
	var made struct{ ID, Key string }
	_ = json.Unmarshal([]byte(printed), &answer) // what is no JSON has nothing to remember
	_ = json.Unmarshal(answer.Data, &made)
	switch id {
	case "quickstart-me":
		variables["OLD_API_KEY_ID"] = made.ID
	case "quickstart-create":
		variables["MEETING_REQUEST_ID"] = made.ID
	case "pagination-first":
		variables["NEXT_CURSOR"] = *answer.Meta.NextCursor
	case "webhooks-create":
		variables["WEBHOOK_ENDPOINT_ID"] = made.ID
	case "rotation-create":
		variables["NEW_API_KEY"] = made.Key
	}
}

// printedLike matches what a command prints, where ids, keys, cursors, times and what stands
// behind dots may be any.
func printedLike(shown string) *regexp.Regexp {
	expression := regexp.QuoteMeta(squeezed(shown))
	for _, any := range []struct{ find, match string }{
		{`(mr|key|ws|mem|we|whd)_[0-9A-Z]{26}`, `\w+_[0-9A-Z]{26}`},
		{`sk_live_[0-9A-Za-z]{36}`, `sk_live_[0-9A-Za-z]{36}`},
		{`sk_live_\w{4}(\\\.){4}`, `sk_live_\w{4}\.{4}`},
		{`\d{4}-\d\d-\d\dT[\d:]{8}Z`, `\d{4}-\d\d-\d\dT[\d:]{8}Z`},
		{`"next_cursor":"\w+"`, `"next_cursor":"[\w-]+"`},
		{`r=\d+;t=\d+`, `r=\d+;t=\d+`},
		{`,?…,?`, `.*`},
	} {
		expression = regexp.MustCompile(any.find).ReplaceAllLiteralString(expression, any.match)
	}
	return regexp.MustCompile("^" + expression + "$")
}

// squeezed is text without what is only there to be read more easily: line breaks, indentation,
// and the spaces that JSON allows between its parts.
func squeezed(text string) string {
	lines := regexp.MustCompile(`\r?\n\s*`).ReplaceAllString(strings.TrimSpace(text), "")
	return regexp.MustCompile(`("[^"]*"|[,\[\]{}:]) ?`).ReplaceAllString(lines, "$1")
}
