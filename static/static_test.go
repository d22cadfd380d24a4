package static

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, address string) *http.Response {
	t.Helper()
	recorder := httptest.NewRecorder()
	Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, address, nil))
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
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
		if got := response.Header.Get("Content-Type"); got != mediaType {
			t.Errorf("%s: Content-Type %q, want %q", name, got, mediaType)
		}
		if got := response.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
	}
}

func TestHandlerServesNothingElse(t *testing.T) {
	for _, address := range []string{"/static/", "/static/app.css", "/static/../static.go", "/static/dist", "/app.css"} {
		response := get(t, address)
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", address, response.StatusCode)
		}
		if got := response.Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
			t.Errorf("%s: a missing file must not be kept: %q", address, got)
		}
	}
}

// What the styles load must be built too, and from nowhere else.
func TestStylesLoadWhatIsBuilt(t *testing.T) {
	styles := string(built[hashed["app.css"]])
	urls := regexp.MustCompile(`url\(["']?([^"')]+)`).FindAllStringSubmatch(styles, -1)
	if len(urls) == 0 {
		t.Fatal("no url in the styles: is the expression still right?")
	}
	for _, url := range urls {
		if strings.HasPrefix(url[1], "data:image/svg+xml") {
			continue
		}
		if _, known := built[strings.TrimPrefix(url[1], "./")]; !known {
			t.Errorf("the styles load %q, which is not built", url[1])
		}
	}
}

func TestPathPanicsForWhatIsNotBuilt(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Path("missing.css")
}
