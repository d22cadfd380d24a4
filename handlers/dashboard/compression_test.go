package dashboard_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/handlers/handlerstest"
)

// compressed sends a request that accepts compressed responses. The response is as it was sent.
func compressed(t *testing.T, s *handlerstest.Server, b *handlerstest.Browser, request *http.Request, header ...string) *http.Response {
	t.Helper()
	request.Header.Set("Accept-Encoding", "gzip")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := b.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestCompression(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for _, tt := range []struct {
		name, method, path, body string
		want                     string
	}{
		{"a page", http.MethodGet, listPath, "", "gzip"},
		{"its header", http.MethodHead, listPath, "", "gzip"},
		{"documentation", http.MethodGet, "/docs", "", "gzip"},
		{"the OpenAPI document", http.MethodGet, "/api/v1/openapi.yaml", "", "gzip"},
		{"a redirect", http.MethodGet, "/", "", ""},
		{"a secret", http.MethodPost, listPath, "form_id=1&name=CI&expiry=never", ""},
		{"a rejected form", http.MethodPost, listPath, "form_id=2&expiry=never", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := s.Request(t, tt.method, tt.path, tt.body)
			if tt.body != "" {
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			response := compressed(t, s, b, request)
			if got := response.Header.Get("Content-Encoding"); got != tt.want {
				t.Errorf("Content-Encoding = %q, want %q (status %d)", got, tt.want, response.StatusCode)
			}
		})
	}
}

func TestCompressedPageIsWhole(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	response := compressed(t, s, b, s.Request(t, http.MethodGet, listPath, ""))
	reader, err := gzip.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(strings.TrimSpace(string(page)), "</html>") {
		t.Errorf("page ends in %q, want </html>", page[max(0, len(page)-40):])
	}
	if got := response.Header.Get("Vary"); !strings.Contains(got, "Accept-Encoding") {
		t.Errorf("Vary = %q, want Accept-Encoding", got)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store", got)
	}
}

func TestDocumentationIsCacheable(t *testing.T) {
	s := handlerstest.New(t)
	b := s.SignedIn(t, handlerstest.AdminEmail)
	for path, want := range map[string]string{
		"/docs": "private, max-age=300", "/docs/api-keys": "private, max-age=300",
		"/api/v1/openapi.yaml": "public, max-age=300", "/api/v1/openapi.json": "public, max-age=300",
	} {
		t.Run(path, func(t *testing.T) {
			first := compressed(t, s, b, s.Request(t, http.MethodGet, path, ""))
			if first.StatusCode != http.StatusOK {
				t.Fatalf("status = %d, want 200", first.StatusCode)
			}
			if got := first.Header.Get("Cache-Control"); got != want {
				t.Errorf("Cache-Control = %q, want %q", got, want)
			}
			tag := first.Header.Get("ETag")
			if tag == "" {
				t.Fatal("no ETag")
			}
			again := compressed(t, s, b, s.Request(t, http.MethodGet, path, ""), "If-None-Match", tag)
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("status with the ETag = %d, want 304", again.StatusCode)
			}
			part := compressed(t, s, b, s.Request(t, http.MethodGet, path, ""), "Range", "bytes=0-9")
			if part.StatusCode != http.StatusOK {
				t.Errorf("status of a range = %d, want 200", part.StatusCode)
			}
			head := compressed(t, s, b, s.Request(t, http.MethodHead, path, ""))
			if got := head.Header.Get("ETag"); got != tag {
				t.Errorf("ETag of HEAD = %q, want %q", got, tag)
			}
		})
	}
}
