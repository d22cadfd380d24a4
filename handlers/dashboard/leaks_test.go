package dashboard_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/token"
)

const leaksPath = listPath + "/leaks"

// scanLeaks submits text and a file as the page does.
func scanLeaks(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, text, name, file string) handlerstest.Response {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("text", text); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	if err != nil || form.Close() != nil {
		t.Fatal(err)
	}
	return upload(t, s, b, leaksPath, form.FormDataContentType(), body.String())
}

func upload(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, path, contentType, body string) handlerstest.Response {
	t.Helper()
	request := s.Request(t, http.MethodPost, path, body)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Origin", s.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return handlerstest.Send(t, b.Client, request)
}

// mainText returns the text of the page's main element.
func mainText(t *testing.T, page handlerstest.Response) string {
	t.Helper()
	return strings.Join(strings.Fields(document(t, page).Find("main").Text()), " ")
}

func TestScanForLeaks(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, dead := s.Key(t), s.Key(t)
		rows := keysOf(t, s)
		if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, rows[0].ID, models.NoConfirmation); err != nil {
			t.Fatal(err)
		}
		other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
		theirs, unknown := s.KeyOf(t, other.ID), token.New(token.Live).Reveal()
		b := s.SignedIn(t, handlerstest.AdminEmail)

		page := scanLeaks(t, s, b, "KEY="+key+"\n", "<i>app.log", "\n\n"+key+dead+theirs+unknown)
		text := mainText(t, page)
		if page.Status != http.StatusOK || page.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("status = %d, header = %v; want 200 and no-store", page.Status, page.Header)
		}
		for _, want := range []string{"2 keys from this workspace found", "In the pasted text, line 1; <i>app.log, line 3", "2 keys don’t belong to this workspace.", "Never used"} {
			if !strings.Contains(text, want) {
				t.Errorf("page = %q, want it to contain %q", text, want)
			}
		}
		for _, secret := range []string{key, dead, theirs, unknown, "Globex", theirs[:12]} {
			if strings.Contains(page.Body, secret) {
				t.Errorf("page contains %.12s…", secret)
			}
		}
		links := document(t, page)
		for _, want := range []string{"/pause", "/rotation", "/delete"} {
			if links.Find(`a[href$="`+listPath+"/"+rows[1].ID+want+`"]`).Length() != 1 || links.Find(`a[href$="`+listPath+"/"+rows[0].ID+want+`"]`).Length() != 0 {
				t.Errorf("%s is not offered for exactly the active key", want)
			}
		}
		log, tables := s.Log.String(), s.Dump(t)
		for _, secret := range []string{key, dead, theirs, unknown, "app.log"} {
			if strings.Contains(log, secret) || strings.Contains(tables, secret) {
				t.Errorf("the log or a table contains %.12s…", secret)
			}
		}
		if got := sentences(t, b.Get(logPath)); got[0] != "Ada Admin ran a leak scan" || !strings.HasPrefix(got[1], "Ada Admin found API key") {
			t.Errorf("audit log = %q", got)
		}
	})
}

// TestLeakScanIsNoOracle checks that another workspace's key and an unknown key look the same.
func TestLeakScanIsNoOracle(t *testing.T) {
	s := handlerstest.New(t)
	other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
	theirs, unknown := s.KeyOf(t, other.ID), token.New(token.Live).Reveal()
	b := s.SignedIn(t, handlerstest.AdminEmail)
	first, second := mainText(t, scanLeaks(t, s, b, theirs, "", "")), mainText(t, scanLeaks(t, s, b, unknown, "", ""))
	modelstest.Equal(t, "result for an unknown key", second, first)
	modelstest.Contains(t, "result for another workspace's key", first, "No keys from this workspace found", "1 key doesn’t belong to this workspace.")
}

func TestLeakScanFindsNothing(t *testing.T) {
	s := handlerstest.New(t)
	s.Key(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	before := len(sentences(t, b.Get(logPath)))
	page := scanLeaks(t, s, b, "sk_live_"+strings.Repeat("A", 36), "", "")
	if text := mainText(t, page); page.Status != http.StatusOK || !strings.Contains(text, "Scanned 44 bytes.") {
		t.Errorf("status = %d, page = %q; want 200 and the number of bytes", page.Status, text)
	}
	if after := len(sentences(t, b.Get(logPath))); after != before {
		t.Errorf("new audit events = %d, want 0", after-before)
	}
}

func TestLeakScanErrors(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	if got := scanLeaks(t, s, b, "", "", ""); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "Text or a file is required.") {
		t.Errorf("no text: status = %d, want 422 with a message", got.Status)
	}
	const limit = 10 << 20
	if got := scanLeaks(t, s, b, "", "app.log", strings.Repeat("x", limit-len(key))+key); got.Status != http.StatusOK || !strings.Contains(got.Body, "1 key from this workspace found") {
		t.Errorf("10 MiB: status = %d, want 200 with the key found", got.Status)
	}
	if got := scanLeaks(t, s, b, "", "app.log", strings.Repeat("x", limit+1)+key); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "This file is larger than 10 MB.") {
		t.Errorf("more than 10 MiB: status = %d, want 422 with a message", got.Status)
	}
	if got := upload(t, s, b, leaksPath, "application/x-www-form-urlencoded", "text="+key); got.Status != http.StatusBadRequest || strings.Contains(got.Body, key) {
		t.Errorf("another encoding: status = %d, want 400 without the key", got.Status)
	}
	if got := upload(t, s, b, leaksPath, "multipart/form-data; boundary=x", "--x\r\n"+key+"\r\n\r\n"+key); got.Status != http.StatusBadRequest || strings.Contains(got.Body, key) {
		t.Errorf("malformed upload: status = %d, want 400 without the key", got.Status)
	}
	other := "--x\r\nContent-Disposition: form-data; name=other\r\n\r\n" + key + "\r\n--x--\r\n"
	if got := upload(t, s, b, leaksPath, "multipart/form-data; boundary=x", other); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("unknown field: status = %d, want 422", got.Status)
	}
	if got := upload(t, s, b, listPath, "application/x-www-form-urlencoded", "name="+strings.Repeat("x", 64<<10)); got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("64 KiB on another route: status = %d, want 413", got.Status)
	}
	if strings.Contains(s.Log.String(), key) {
		t.Error("the log contains the key")
	}
}

// BenchmarkScanForLeaks uploads 10 MiB with a key at the end.
func BenchmarkScanForLeaks(b *testing.B) {
	s := handlerstest.New(b)
	browser := s.SignedIn(b, handlerstest.AdminEmail)
	_, secret, err := s.CreateAPIKey(b.Context(), s.Workspace.ID, models.NewAPIKey{Name: "CI"})
	if err != nil {
		b.Fatal(err)
	}
	line := "2026-03-14T09:26:53Z INFO request route=/api/v1/me status=200 risk_level=3\n"
	text := strings.Repeat(line, (10<<20-100)/len(line)) + secret.Reveal()
	body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.log\"\r\n\r\n" + text + "\r\n--x--\r\n"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		request := s.Request(b, http.MethodPost, leaksPath, body)
		request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		request.Header.Set("Origin", s.URL)
		if got := handlerstest.Send(b, browser.Client, request); got.Status != http.StatusOK || !strings.Contains(got.Body, "1 key from") {
			b.Fatal(fmt.Sprint(got.Status, got.Body))
		}
	}
}
