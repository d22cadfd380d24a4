package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/sessions"

	"github.com/skipup/keys/models"
)

// Names of cookies.
const (
	sessionCookie   = "skipup_session"
	deviceCookie    = "skipup_device"
	signInCookie    = "skipup_sign_in"
	browserCookie   = "skipup_browser"
	roundTripCookie = "skipup_round_trip"
	themeCookie     = "theme"
	timesCookie     = "times"
	densityCookie   = "density"
	zoneCookie      = "timezone"
)

// rowValue is the name of the value of a session that holds its row.
const rowValue = "row"

// rowOf returns the row of a session, or an empty one if the session is new.
func rowOf(session *sessions.Session) *models.Session {
	if row, loaded := session.Values[rowValue].(*models.Session); loaded {
		return row
	}
	return &models.Session{}
}

// hostPrefix makes browsers send a cookie only to this host and only over HTTPS (RFC 6265bis
// §4.1.3.2).
const hostPrefix = "__Host-"

// sessionStore implements sessions.Store with the sessions table. The cookie holds a random ID and
// the table its hash, so that a leaked table doesn't reveal any cookie.
type sessionStore struct {
	store   *models.Store
	options sessions.Options
}

// Get returns the session of a request. It reads the session only once for each request.
func (s *sessionStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New reads the session that the cookie identifies, or returns a new one if there is none.
func (s *sessionStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	options := s.options
	session.Options, session.IsNew = &options, true
	cookie, err := r.Cookie(name)
	if err != nil || cookie.Value == "" {
		return session, nil
	}
	row, err := s.store.Session(r.Context(), cookie.Value)
	if models.IsKind(err, models.NotFound) {
		return session, nil
	}
	if err != nil {
		return session, err
	}
	session.ID, session.IsNew = cookie.Value, false
	session.Values[rowValue] = row
	return session, nil
}

// Save sends the cookie of a new session. If MaxAge is negative, it deletes the session and its
// cookie. Other changes to a session don't go through Save: see changeSession.
func (s *sessionStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return s.store.DeleteSession(r.Context(), session.ID)
	}
	if session.IsNew {
		http.SetCookie(w, sessions.NewCookie(session.Name(), session.ID, session.Options))
	}
	return nil
}

func newSessionStore(store *models.Store, publicURL string) *sessionStore {
	return &sessionStore{store: store, options: cookieOptions(publicURL, models.SessionAbsolute)}
}

func cookieOptions(publicURL string, life time.Duration) sessions.Options {
	return sessions.Options{
		Path:     "/",
		MaxAge:   int(life.Seconds()),
		HttpOnly: true,
		Secure:   isHTTPS(publicURL),
		SameSite: http.SameSiteLaxMode,
	}
}

// cookieName returns the name of a cookie on a site: with hostPrefix if the site uses HTTPS, and with
// its port unless that is the default. Browsers share cookies between the ports of a host (RFC 6265
// §8.5), so installations on one host would otherwise overwrite each other's.
func cookieName(publicURL, name string) string {
	if site, err := url.Parse(publicURL); err == nil && site.Port() != "" {
		name += "_" + site.Port()
	}
	if isHTTPS(publicURL) {
		return hostPrefix + name
	}
	return name
}
