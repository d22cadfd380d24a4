package web

import (
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"github.com/skipup/keys/models"
)

// The names of the cookies, and what is kept in a session.
const (
	sessionCookie = "skipup_session"
	deviceCookie  = "skipup_device"
	themeCookie   = "theme"
	zoneCookie    = "timezone"

	userValue      = "user"
	workspaceValue = "workspace"
	noticeValue    = "notice"
	digestValue    = "digest"
)

// hostPrefix makes a browser keep a cookie to this very host, over https, for every path
// (RFC 6265bis §4.1.3.2).
const hostPrefix = "__Host-"

// sessionStore keeps gorilla's sessions in the sessions table. The cookie carries a random id,
// the table its hash, so that neither can be made from the other's leak.
type sessionStore struct {
	store   *models.Store
	options sessions.Options
}

// Get returns the session of the request, from the request's registry after the first time.
func (s *sessionStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New reads the session that the cookie names; a new, empty one if it names none that lives.
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
	session.Values[userValue] = row.UserID
	session.Values[noticeValue] = row.Notice
	session.Values[digestValue] = row.Digest
	if row.WorkspaceID != nil {
		session.Values[workspaceValue] = *row.WorkspaceID
	}
	return session, nil
}

// Save writes the cookie of a session that has just been made. A negative MaxAge ends the session
// and its cookie. What else changes in a session is written at once: see changeSession.
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

// cookieName gives name the prefix that only https allows.
func cookieName(publicURL, name string) string {
	if isHTTPS(publicURL) {
		return hostPrefix + name
	}
	return name
}
