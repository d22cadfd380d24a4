package demo

import (
	"crypto/rand"
	"crypto/subtle"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/skipup/keys/views/path"
)

// linkPath is the start of the sign-in link's path.
const linkPath = "/demo/"

// Link wraps pages with a link that works once and signs the visitor in as the demo's admin. It
// returns the link's path. Use it only on a server that no other machine can reach.
func (w *Workspace) Link(pages http.Handler) (string, http.Handler) {
	token := rand.Text()
	var followed atomic.Bool
	return linkPath + token, http.HandlerFunc(func(response http.ResponseWriter, r *http.Request) {
		text, isLink := strings.CutPrefix(r.URL.Path, linkPath)
		switch {
		case !isLink || r.Method != http.MethodGet:
			pages.ServeHTTP(response, r)
		case subtle.ConstantTimeCompare([]byte(text), []byte(token)) == 1 && followed.CompareAndSwap(false, true):
			pages.ServeHTTP(response, w.signIn(r))
		default: // leads to the sign-in page unless the visitor is signed in
			http.Redirect(response, r, path.Root, http.StatusSeeOther)
		}
	})
}

// signIn returns the request that submits the sign-in form with the admin's credentials.
func (w *Workspace) signIn(r *http.Request) *http.Request {
	form := url.Values{"email": {w.Email}, "password": {w.Password}, "next": {path.Root}}.Encode()
	signIn := r.Clone(r.Context())
	signIn.Method, signIn.URL = http.MethodPost, &url.URL{Path: path.SignIn}
	signIn.RequestURI = path.SignIn
	signIn.Header = http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": r.Header["User-Agent"], "Cookie": r.Header["Cookie"],
	}
	signIn.Body, signIn.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	return signIn
}
