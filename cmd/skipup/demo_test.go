package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/skipup/keys/views/path"
)

// visitor is someone who opens the demo in a browser.
type visitor struct {
	s       *testServer
	browser *http.Client
}

var (
	demoLink     = regexp.MustCompile(`(?m)^    (http://\S+/demo/[A-Z2-7]{26})$`)
	demoPassword = regexp.MustCompile(`To sign in again, use (\S+) and the password ([A-Z2-7]{26})`)
)

func newVisitor(t *testing.T, s *testServer) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{s, &http.Client{Jar: jar, Timeout: testTimeout}}
}

// open opens url, follows redirects, and returns the final path and page.
func (v visitor) open(url string) (string, *goquery.Document) {
	v.s.t.Helper()
	response, err := v.browser.Get(url)
	if err != nil {
		v.s.t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := goquery.NewDocumentFromReader(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		v.s.t.Fatalf("GET %s: %d %v", url, response.StatusCode, err)
	}
	return response.Request.URL.Path, page
}

// requireTexts checks that page contains texts.
func requireTexts(t *testing.T, page *goquery.Document, texts ...string) {
	t.Helper()
	content := strings.Join(strings.Fields(page.Text()), " ")
	for _, text := range texts {
		if !strings.Contains(content, text) {
			t.Errorf("page lacks %q:\n%s", text, content)
		}
	}
}

// lastUsed are the pages of the workspace last used.
const lastUsed path.Workspace = ""

// TestDemo visits the demo: the link signs in once, every page shows its sample data, there is live
// traffic, and the audit log is intact.
func TestDemo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a process and waits for its traffic")
	}
	folder := t.TempDir()
	s := startProgram(t, nil, "demo", "--addr", "127.0.0.1:0", "--keep", folder)
	s.waitUntilReady()
	link := s.await(demoLink)[1]
	v := newVisitor(t, s)
	if at, page := v.open(link); !strings.HasSuffix(at, lastUsed.APIKeys()) {
		t.Fatalf("the link leads to %s, want %s:\n%s", at, lastUsed.APIKeys(), page.Text())
	} else {
		requireTexts(t, page, "CRM sync", "Rotating", "Resumes")
	}
	if at, _ := newVisitor(t, s).open(link); at != path.SignIn {
		t.Errorf("the second visit of the link leads to %s, want %s", at, path.SignIn)
	}

	_, page := v.open(s.url + lastUsed.APIKeyReview())
	requireTexts(t, page, "1 never used", "1 inactive", "1 expiring soon", "3 due for rotation", "3 over-permissioned", "3 whose owner left", "2 still in use after revocation")
	_, list := v.open(s.url + lastUsed.APIKeys())
	rotation, _ := list.Find(`a[href$="/rotation"]`).First().Attr("href")
	_, page = v.open(s.url + rotation)
	requireTexts(t, page, "4 of 6")
	_, page = v.open(s.url + lastUsed.APIKeysReviewed("still_used"))
	requireTexts(t, page, "Legacy importer", "Partner portal", "198.51.100.23")
	_, page = v.open(s.url + lastUsed.Members())
	requireTexts(t, page, "Sam Hughes", "Pending")
	_, page = v.open(s.url + lastUsed.AuditLog())
	requireTexts(t, page, "Maya Lindqvist", "Legacy importer")

	key, _ := list.Find("tbody a:contains('Uptime check')").First().Attr("href")
	before := v.requests(key)
	eventually(t, "no live traffic", func() bool { return v.requests(key) > before })

	if code := s.stop(); code != exitOK {
		t.Errorf("exit code = %d, want %d\nstderr: %s", code, exitOK, s.stderr)
	}
	if s.stderr.String() != "" {
		t.Errorf("stderr = %s, want nothing", s.stderr)
	}
	env := map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(folder, demoDatabase)}
	skipup(t, env, "audit", "verify").requireCode(t, exitOK)
	skipup(t, nil, "demo", "--addr", "127.0.0.1:0", "--keep", folder).requireFailure(t, exitFailed, "already exists")
}

// requests returns the number of requests with a key in 90 days, as shown on its usage page.
func (v visitor) requests(key string) int {
	v.s.t.Helper()
	_, page := v.open(v.s.url + key + "/usage?period=90d")
	found := regexp.MustCompile(`([\d,]+)\s+requests in the last 90 days`).FindStringSubmatch(page.Find("main").Text())
	if found == nil {
		v.s.t.Fatalf("no number of requests:\n%s", page.Find("main").Text())
	}
	number, err := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
	if err != nil {
		v.s.t.Fatal(err)
	}
	return number
}

func TestDemoDeletesItsDatabase(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a process")
	}
	folder := t.TempDir()
	s := startProgram(t, map[string]string{"TMPDIR": folder, "DATABASE_URL": "postgres://nowhere/none"}, "demo", "--addr", "127.0.0.1:0")
	s.waitUntilReady()
	printed := s.await(demoPassword)
	v := newVisitor(t, s)
	form := map[string][]string{"email": {printed[1]}, "password": {printed[2]}}
	response, err := v.browser.PostForm(s.url+path.SignIn, form)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if at, _ := v.open(s.url + lastUsed.APIKeys()); !strings.HasSuffix(at, lastUsed.APIKeys()) {
		t.Errorf("after signing in with the password, the visitor is at %s, want %s", at, lastUsed.APIKeys())
	}
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code = %d, want %d\nstderr: %s", code, exitOK, s.stderr)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("files left = %v, %v, want none", left, err)
	}
}

func TestInterruptedDemoDeletesItsDatabase(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr output
	if code := run(ctx, []string{"demo", "--addr", "127.0.0.1:0"}, nil, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Errorf("exit code = %d, want %d\nstderr: %s", code, exitOK, stderr.String())
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("files left = %v, %v, want none", left, err)
	}
}

func TestDemoRejectsPublicAddresses(t *testing.T) {
	for _, addr := range []string{":8080", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "demo.example:80"} {
		skipup(t, map[string]string{"SKIPUP_ADDR": addr}, "demo").requireFailure(t, exitUsage, "the demo can only listen on this machine")
	}
}
