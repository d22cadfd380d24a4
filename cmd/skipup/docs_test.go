package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// TestDocsExamples runs the commands in /docs in order and compares their output with the examples.
func TestDocsExamples(t *testing.T) {
	t.Parallel()
	env := sqliteEnv(t)
	created := skipupWithInput(t, modelstest.Password+"\n", env, "workspace", "create", "--name", "Acme", "--email", "ada@acme.test", "--admin-name", "Ada Admin")
	created.requireCode(t, exitOK)
	workspace := strings.TrimSpace(created.stdout)
	newKey(t, env, workspace, "Weekly report", "members.read")
	s := serve(t, env)
	variables := map[string]string{
		"SKIPUP_API_KEY": newKey(t, env, workspace, "Nightly sync", "meeting_requests.read,meeting_requests.write,webhooks.read,webhooks.write,api_keys.read,api_keys.write"),
	}
	status, html := s.get(path.Docs)
	page, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	if status != 200 {
		t.Fatalf("GET %s: status = %d, want 200", path.Docs, status)
	}
	outputs := page.Find("[data-printed]")
	if outputs.Length() < 10 {
		t.Fatalf("%d commands have example output, want at least 10", outputs.Length())
	}
	outputs.Each(func(_ int, example *goquery.Selection) {
		id, _ := example.Attr("data-printed")
		printed := inShell(t, page.Find("#"+id).Text(), variables)
		if !outputPattern(example.Text()).MatchString(compact(printed)) {
			t.Errorf("output of %s =\n%s\nwant\n%s", id, printed, example.Text())
		}
		remember(id, printed, variables)
	})
	if status, _ := s.get("/api/v1/me", variables["SKIPUP_API_KEY"]); status != 401 {
		t.Errorf("status with the old key = %d, want 401", status)
	}
	if status, _ := s.get("/api/v1/me", variables["NEW_API_KEY"]); status != 200 {
		t.Errorf("status with the new key = %d, want 200", status)
	}
}

// TestDocsNameTests checks that the tests that the documentation names exist.
func TestDocsNameTests(t *testing.T) {
	const root = "../.."
	exists := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "node_modules" || name == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".spec.js"):
			exists[name] = true
		case strings.HasSuffix(name, "_test.go"):
			source, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, match := range function.FindAllSubmatch(source, -1) {
				exists[string(match[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile("`(Test[A-Z]\\w+|\\w+\\.spec\\.js)`").FindAllSubmatch(text, -1) {
			named++
			if name := string(match[1]); !exists[name] {
				t.Errorf("%s names %s, which doesn't exist", filepath.Base(document), name)
			}
		}
	}
	if named < 30 {
		t.Errorf("the documents name %d tests, want at least 30", named)
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

// remember sets the variables that later commands need from the output of the command id.
func remember(id, printed string, variables map[string]string) {
	var response struct {
		Data json.RawMessage
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		}
	}
	var created struct{ ID, Key string }
	_ = json.Unmarshal([]byte(printed), &response) // other output has no variables
	_ = json.Unmarshal(response.Data, &created)
	switch id {
	case "quickstart-me":
		variables["OLD_API_KEY_ID"] = created.ID
	case "quickstart-create":
		variables["MEETING_REQUEST_ID"] = created.ID
	case "pagination-first":
		variables["NEXT_CURSOR"] = *response.Meta.NextCursor
	case "webhooks-create":
		variables["WEBHOOK_ENDPOINT_ID"] = created.ID
	case "rotation-create":
		variables["NEW_API_KEY"] = created.Key
	}
}

// outputPattern matches output like the example, with any IDs, keys, cursors and times, and any text
// in place of "…".
func outputPattern(example string) *regexp.Regexp {
	expression := regexp.QuoteMeta(compact(example))
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

// compact removes line breaks, indentation and the spaces between JSON tokens.
func compact(text string) string {
	lines := regexp.MustCompile(`\r?\n\s*`).ReplaceAllString(strings.TrimSpace(text), "")
	return regexp.MustCompile(`("[^"]*"|[,\[\]{}:]) ?`).ReplaceAllString(lines, "$1")
}
