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

// linkPath is where the link that signs in begins.
const linkPath = "/demo/"

// Link lets whoever follows a link, once, into pages as the admin of the demo. It returns the
// path of the link. It is for a server that this machine alone can reach.
func (w *Workspace) Link(pages http.Handler) (string, http.Handler) {
	token := rand.Text()
	var followed atomic.Bool
	return linkPath + token, http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		text, isLink := strings.CutPrefix(r.URL.Path, linkPath)
		switch {
		case !isLink || r.Method != http.MethodGet:
			pages.ServeHTTP(answer, r)
		case subtle.ConstantTimeCompare([]byte(text), []byte(token)) == 1 && followed.CompareAndSwap(false, true):
			pages.ServeHTTP(answer, w.signIn(r))
		default: // who is signed in goes on, everybody else is asked for the password
			http.Redirect(answer, r, path.Root, http.StatusSeeOther)
		}
	})
}

// signIn is the form that the admin would send from the browser of r.
func (w *Workspace) signIn(r *http.Request) *http.Request {
	form := url.Values{"email": {w.Email}, "password": {w.Password}, "next": {path.APIKeys}}.Encode()
	signIn := r.Clone(r.Context())
	signIn.Method, signIn.URL = http.MethodPost, &url.URL{Path: path.SignIn}
	signIn.RequestURI = path.SignIn
	signIn.Header = http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": r.Header["User-Agent"], "Cookie": r.Header["Cookie"],
	}
	signIn.Body, signIn.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	return signIn
}
