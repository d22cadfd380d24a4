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
	"github.com/skipup/keys/models/token"
)

const leaksPath = listPath + "/leaks"

// checkLeaks sends a text and a file, if it has a name, as the page does.
func checkLeaks(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, text, name, file string) handlerstest.Answer {
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

func upload(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, path, contentType, body string) handlerstest.Answer {
	t.Helper()
	request := s.Request(t, http.MethodPost, path, body)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Origin", s.URL)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return handlerstest.Send(t, b.Client, request)
}

func words(t *testing.T, page handlerstest.Answer) string {
	t.Helper()
	return strings.Join(strings.Fields(document(t, page).Find("main").Text()), " ")
}

func TestCheckForLeaks(t *testing.T) {
	handlerstest.Each(t, func(t *testing.T, s *handlerstest.Server) {
		key, dead := s.Key(t), s.Key(t)
		rows := keysOf(t, s)
		if _, err := s.DeleteAPIKey(t.Context(), s.Workspace.ID, rows[0].ID); err != nil {
			t.Fatal(err)
		}
		other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
		theirs, nobodys := s.KeyOf(t, other.ID), token.New(token.Live).Reveal()
		b := s.SignedIn(t, handlerstest.AdminEmail)

		page := checkLeaks(t, s, b, "KEY="+key+"\n", "<i>app.log", "\n\n"+key+dead+theirs+nobodys)
		said := words(t, page)
		if page.Status != http.StatusOK || page.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", page.Status, page.Header)
		}
		for _, want := range []string{"2 keys of this workspace found", "In the pasted text, line 1; <i>app.log, line 3", "2 other keys that this workspace does not know", "Never used"} {
			if !strings.Contains(said, want) {
				t.Errorf("the page lacks %q: %s", want, said)
			}
		}
		for _, secret := range []string{key, dead, theirs, nobodys, "Globex", theirs[:12]} {
			if strings.Contains(page.Body, secret) {
				t.Errorf("%.12s… is in the page", secret)
			}
		}
		links := document(t, page)
		for _, want := range []string{"/pause", "/rotation", "/delete"} {
			if links.Find(`a[href="`+listPath+"/"+rows[1].ID+want+`"]`).Length() != 1 || links.Find(`a[href="`+listPath+"/"+rows[0].ID+want+`"]`).Length() != 0 {
				t.Errorf("%s is not offered for the living key alone", want)
			}
		}
		log, tables := s.Log.String(), s.Dump(t)
		for _, secret := range []string{key, dead, theirs, nobodys, "app.log"} {
			if strings.Contains(log, secret) || strings.Contains(tables, secret) {
				t.Errorf("%.12s… is in the log or in a table", secret)
			}
		}
		if told := told(t, b.Get(logPath)); told[0] != "Ada Admin checked a text for leaked keys of the workspace Acme" || !strings.HasPrefix(told[1], "Ada Admin found the API key") {
			t.Errorf("the audit log tells %q", told)
		}
	})
}

// Another workspace's key and one that nobody has look the same.
func TestLeakCheckIsNoOracle(t *testing.T) {
	s := handlerstest.New(t)
	other, _ := s.NewWorkspace(t, "Globex", "gil@globex.test")
	theirs, nobodys := s.KeyOf(t, other.ID), token.New(token.Live).Reveal()
	b := s.SignedIn(t, handlerstest.AdminEmail)
	first, second := words(t, checkLeaks(t, s, b, theirs, "", "")), words(t, checkLeaks(t, s, b, nobodys, "", ""))
	if first != second || !strings.Contains(first, "No key of this workspace found") || !strings.Contains(first, "1 key that this workspace does not know") {
		t.Errorf("theirs: %s\nnobody's: %s", first, second)
	}
}

func TestLeakCheckFindsNothing(t *testing.T) {
	s := handlerstest.New(t)
	s.Key(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	before := len(told(t, b.Get(logPath)))
	page := checkLeaks(t, s, b, "sk_live_"+strings.Repeat("A", 36), "", "")
	if said := words(t, page); page.Status != http.StatusOK || !strings.Contains(said, "44 bytes were searched") {
		t.Errorf("%d %s", page.Status, said)
	}
	if after := len(told(t, b.Get(logPath))); after != before {
		t.Errorf("the audit log has %d events more", after-before)
	}
}

func TestLeakCheckRefuses(t *testing.T) {
	s := handlerstest.New(t)
	key := s.Key(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	if got := checkLeaks(t, s, b, "", "", ""); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "Paste a text, or choose a file") {
		t.Errorf("nothing: %d", got.Status)
	}
	const limit = 10 << 20
	if got := checkLeaks(t, s, b, "", "app.log", strings.Repeat("x", limit-len(key))+key); got.Status != http.StatusOK || !strings.Contains(got.Body, "1 key of this workspace found") {
		t.Errorf("10 MiB: %d", got.Status)
	}
	if got := checkLeaks(t, s, b, "", "app.log", strings.Repeat("x", limit+1)+key); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "The file is larger than 10 MB.") {
		t.Errorf("10 MiB and a byte: %d", got.Status)
	}
	if got := upload(t, s, b, leaksPath, "application/x-www-form-urlencoded", "text="+key); got.Status != http.StatusBadRequest || strings.Contains(got.Body, key) {
		t.Errorf("another encoding: %d", got.Status)
	}
	if got := upload(t, s, b, leaksPath, "multipart/form-data; boundary=x", "--x\r\n"+key+"\r\n\r\n"+key); got.Status != http.StatusBadRequest || strings.Contains(got.Body, key) {
		t.Errorf("a broken upload: %d", got.Status)
	}
	other := "--x\r\nContent-Disposition: form-data; name=other\r\n\r\n" + key + "\r\n--x--\r\n"
	if got := upload(t, s, b, leaksPath, "multipart/form-data; boundary=x", other); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("a field that is not asked for: %d", got.Status)
	}
	if got := upload(t, s, b, listPath, "application/x-www-form-urlencoded", "name="+strings.Repeat("x", 64<<10)); got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("another route takes 64 KiB and more: %d", got.Status)
	}
	if strings.Contains(s.Log.String(), key) {
		t.Error("the key is in the log")
	}
}

// BenchmarkCheckForLeaks is one upload of 10 MiB with a key at its end.
func BenchmarkCheckForLeaks(b *testing.B) {
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
		if got := handlerstest.Send(b, browser.Client, request); got.Status != http.StatusOK || !strings.Contains(got.Body, "1 key of") {
			b.Fatal(fmt.Sprint(got.Status, got.Body))
		}
	}
}
