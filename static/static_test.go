package static

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, path string) *http.Response {
	t.Helper()
	recorder := httptest.NewRecorder()
	Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder.Result()
}

func TestHandler(t *testing.T) {
	for name, mediaType := range map[string]string{
		"app.css":                       "text/css; charset=utf-8",
		"app.js":                        "text/javascript; charset=utf-8",
		"icon.svg":                      "image/svg+xml",
		"geist-latin-wght-normal.woff2": "font/woff2",
	} {
		response := get(t, Path(name))
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: status = %d, want 200", name, response.StatusCode)
		}
		if got := response.Header.Get("Content-Type"); got != mediaType {
			t.Errorf("%s: Content-Type = %q, want %q", name, got, mediaType)
		}
		if got, want := response.Header.Get("Cache-Control"), "public, max-age=31536000, immutable"; got != want {
			t.Errorf("%s: Cache-Control = %q, want %q", name, got, want)
		}
	}
}

func TestScriptsAreSmall(t *testing.T) {
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(built[hashed["app.js"]]); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := compressed.Len(), 25_000; got > want {
		t.Errorf("compressed scripts = %d bytes, want at most %d", got, want)
	}
}

func TestHandlerServesOnlyBuiltFiles(t *testing.T) {
	for _, path := range []string{"/static/", "/static/app.css", "/static/../static.go", "/static/dist", "/app.css"} {
		response := get(t, path)
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status = %d, want 404", path, response.StatusCode)
		}
		if got := response.Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control = %q, want it not to allow caching", path, got)
		}
	}
}

// TestStylesLoadOnlyBuiltFiles checks that every URL in the styles is a built file.
func TestStylesLoadOnlyBuiltFiles(t *testing.T) {
	styles := string(built[hashed["app.css"]])
	urls := regexp.MustCompile(`url\(["']?([^"')]+)`).FindAllStringSubmatch(styles, -1)
	if len(urls) == 0 {
		t.Fatal("no URL found in app.css")
	}
	for _, url := range urls {
		if strings.HasPrefix(url[1], "data:image/svg+xml") {
			continue
		}
		if _, known := built[strings.TrimPrefix(url[1], "./")]; !known {
			t.Errorf("app.css loads %q, which is not built", url[1])
		}
	}
}

func TestPathPanicsForUnknownFiles(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Path did not panic")
		}
	}()
	Path("missing.css")
}
