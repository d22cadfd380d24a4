// Package static serves the built styles, scripts, fonts and icons, which are embedded in the
// program. Their names contain a hash of their contents, so that browsers can cache them forever.
// They are built by "npm run build" and committed, so that building the program requires only Go.
package static

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist
var dist embed.FS

const prefix = "/static/"

// types maps extensions to media types. The system's table isn't used because it differs between
// machines.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

// built maps full names to contents, and hashed maps plain names to full names.
var built, hashed = load()

func load() (map[string][]byte, map[string]string) {
	files, err := fs.ReadDir(dist, "dist")
	if err != nil {
		panic("read static/dist: " + err.Error())
	}
	contents, names := map[string][]byte{}, map[string]string{}
	for _, file := range files {
		content, err := fs.ReadFile(dist, "dist/"+file.Name())
		if err != nil {
			panic("read static/dist: " + err.Error())
		}
		contents[file.Name()] = content
		plain, _, _ := strings.Cut(file.Name(), ".")
		names[plain+path.Ext(file.Name())] = file.Name()
	}
	return contents, names
}

// Path returns the path of a built file: Path("app.css") returns, for example,
// "/static/app.3F9C2A71.css". It panics if there is no such file.
func Path(name string) string {
	full, known := hashed[name]
	if !known {
		panic(fmt.Sprintf("static file %q is not built: run npm run build", name))
	}
	return prefix + full
}

// Handler returns a handler that serves the built files under /static/. Responses never change,
// because the names contain a hash of the contents.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, prefix)
		content, known := built[name]
		if !known {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		header.Set("Content-Type", types[path.Ext(name)])
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
