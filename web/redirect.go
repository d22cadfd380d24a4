package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models/wire"
)

// RedirectToHTTPS returns a handler that redirects requests for pages to the public URL, and rejects others.
// A redirect would hide that a program sends its API key unencrypted.
func RedirectToHTTPS(publicURL string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isPage := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get(echo.HeaderAuthorization) == ""
		for _, prefix := range []string{APIPrefix + "/", verifyPrefix + "/", VerifyPath} {
			isPage = isPage && !strings.HasPrefix(r.URL.Path, prefix)
		}
		if isPage {
			http.Redirect(w, r, publicURL+r.URL.RequestURI(), http.StatusPermanentRedirect)
			return
		}
		w.Header().Set("Connection", "close") // so that nothing more is sent unencrypted
		w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(wire.ErrorBody{Error: wire.Error{ // the client may be gone
			Type: "invalid_request", Message: "This request was sent unencrypted. Use " + publicURL + ". If it had an API key, rotate the key.",
		}})
	})
}
