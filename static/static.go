// Package static serves the built styles, scripts, fonts and icons. They are in the program,
// under names that carry a hash of their contents, so that a browser may keep them for ever.
// They are built by "npm run build" and committed: Go alone suffices to build the program.
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

// types are the media types of what is served, by extension. The system's own table is not
// asked: it differs between machines.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

// built are the files by their full names, and hashed the full names by the plain ones.
var built, hashed = load()

func load() (map[string][]byte, map[string]string) {
	files, err := fs.ReadDir(dist, "dist")
	if err != nil {
		panic("static/dist is damaged: " + err.Error())
	}
	contents, names := map[string][]byte{}, map[string]string{}
	for _, file := range files {
		content, err := fs.ReadFile(dist, "dist/"+file.Name())
		if err != nil {
			panic("static/dist is damaged: " + err.Error())
		}
		contents[file.Name()] = content
		plain, _, _ := strings.Cut(file.Name(), ".")
		names[plain+path.Ext(file.Name())] = file.Name()
	}
	return contents, names
}

// Path is the address of a built file by its plain name: Path("app.css") is like
// "/static/app.3F9C2A71.css". A name that is not built is a mistake in a view: Path panics.
func Path(name string) string {
	full, known := hashed[name]
	if !known {
		panic(fmt.Sprintf("static file %q is not built: run npm run build", name))
	}
	return prefix + full
}

// Handler serves the built files under /static/. A name carries the hash of what it names, so
// the answer never changes.
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
