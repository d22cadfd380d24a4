package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
)

// longLived is how long a browser keeps a preference and the mark of a known device.
const longLived = 365 * 24 * time.Hour

// people knows who sits before a browser.
type people struct {
	store     *models.Store
	sessions  *sessionStore
	publicURL string
}

func newSessions(store *models.Store, publicURL string) *people {
	return &people{store: store, sessions: newSessionStore(store, publicURL), publicURL: publicURL}
}

// loadViewer finds out who looks and how they want to see it. It refuses nobody.
func (p *people) loadViewer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(outer echo.Context) error {
		if isAPI(outer.Request()) || isAsset(outer.Request()) {
			return next(outer)
		}
		return withRequestContext(outer, func(c *requestContext) error { return p.load(c, next) })
	}
}

func (p *people) load(c *requestContext, next echo.HandlerFunc) error {
	setActor(c, models.Actor{Type: models.ActorAnonymous, Name: "Unknown"})
	c.page = &pageContext{people: p}
	look := viewer.Viewer{
		Theme:     viewer.ParseTheme(cookieOf(c, themeCookie)),
		Location:  locationOf(c),
		Now:       p.store.Now(),
		PublicURL: p.publicURL,
		Address:   returnTo(c.Request()),
	}
	setViewer(c, look)
	session, err := p.session(c)
	if err != nil {
		return err
	}
	if !session.IsNew {
		if err := p.signedIn(c, session, look); err != nil {
			return err
		}
	}
	return next(c)
}

// signedIn adds the person of a session to the look, and notes the caller if there is a
// workspace in which to call.
func (p *people) signedIn(c *requestContext, session *sessions.Session, look viewer.Viewer) error {
	userID, _ := session.Values[userValue].(string)
	user, err := p.store.User(c.Request().Context(), userID)
	if err != nil {
		return err
	}
	memberships, err := p.store.MembershipsOf(c.Request().Context(), userID)
	if err != nil {
		return err
	}
	look.User, look.Memberships = user, memberships
	look.Member = chooseMembership(memberships, session)
	if !isForPart(c.Request()) { // in a part nobody would see it
		look.Notice, _ = session.Values[noticeValue].(string)
	}
	setViewer(c, look)
	if look.Member != nil {
		setCaller(c, Caller{WorkspaceID: look.Member.WorkspaceID, Member: look.Member, Session: session.ID})
	}
	return nil
}

// chooseMembership is the one in the workspace of the session, or the first.
func chooseMembership(memberships []models.Member, session *sessions.Session) *models.Member {
	for i := range memberships {
		if memberships[i].WorkspaceID == session.Values[workspaceValue] {
			return &memberships[i]
		}
	}
	if len(memberships) > 0 {
		return &memberships[0]
	}
	return nil
}

func (p *people) session(c echo.Context) (*sessions.Session, error) {
	return p.sessions.Get(c.Request(), cookieName(p.publicURL, sessionCookie))
}

func peopleOf(c echo.Context) *people { return c.(*requestContext).page.people }

// SignedIn starts the browser's session after the Store has: it sends the cookies.
func SignedIn(c echo.Context, in *models.SignedIn) error {
	p := peopleOf(c)
	session, err := p.session(c)
	if err != nil {
		return err
	}
	session.ID, session.IsNew = in.SessionID, true
	if err := session.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	options := cookieOptions(p.publicURL, longLived)
	c.SetCookie(sessions.NewCookie(cookieName(p.publicURL, deviceCookie), in.Device, &options))
	return nil
}

// SignedOut ends the browser's session: the row, if it is still there, and the cookie.
func SignedOut(c echo.Context) error {
	session, err := peopleOf(c).session(c)
	if err != nil {
		return err
	}
	session.Options.MaxAge = -1
	return session.Save(c.Request(), c.Response())
}

// SessionID is the id of the browser's session, empty without one.
func SessionID(c echo.Context) string {
	session, err := peopleOf(c).session(c)
	if err != nil || session.IsNew {
		return ""
	}
	return session.ID
}

// SessionDigest is how the browser's session is stored, nil without one.
func SessionDigest(c echo.Context) []byte {
	session, err := peopleOf(c).session(c)
	if err != nil {
		return nil
	}
	digest, _ := session.Values[digestValue].([]byte)
	return digest
}

// Device is the mark of a known device that the browser sent, empty without one.
func Device(c echo.Context) string {
	return cookieOf(c, cookieName(peopleOf(c).publicURL, deviceCookie))
}

// SetNotice has text shown once, on the next page.
func SetNotice(c echo.Context, text string) error {
	return changeSession(c, models.SessionChange{Notice: models.To(text)})
}

// SetWorkspace has the workspace shown from now on.
func SetWorkspace(c echo.Context, id string) error {
	return changeSession(c, models.SessionChange{WorkspaceID: models.To(id)})
}

// SetTheme keeps the theme in the browser, for pages before sign-in too.
func SetTheme(c echo.Context, theme viewer.Theme) {
	options := cookieOptions(peopleOf(c).publicURL, longLived)
	c.SetCookie(sessions.NewCookie(themeCookie, string(theme), &options))
}

// changeSession changes the browser's session for the requests after this one.
func changeSession(c echo.Context, change models.SessionChange) error {
	p := peopleOf(c)
	session, err := p.session(c)
	if err != nil || session.IsNew {
		return err
	}
	return p.store.UpdateSession(c.Request().Context(), session.ID, change)
}

// RequireUser sends who is not signed in to the sign-in page, and back afterwards.
func RequireUser(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if viewer.Of(c.Request().Context()).User != nil {
			return next(c)
		}
		return Redirect(c, path.SignInAnd(returnTo(c.Request())))
	}
}

// returnTo is the address to come back to: that of a page, never that of a form's answer or of a
// part of a page.
func returnTo(r *http.Request) string {
	switch shown, err := url.Parse(r.Header.Get("HX-Current-URL")); {
	case isForPart(r) && err == nil:
		return shown.RequestURI()
	case isForPart(r), r.Method != http.MethodGet:
		return ""
	}
	return r.URL.RequestURI()
}

// RequireAdmin refuses who is no admin of the workspace shown.
func RequireAdmin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !MayAdminister(c) {
			return errAdminsOnly
		}
		return next(c)
	}
}

func setViewer(c echo.Context, look viewer.Viewer) {
	c.SetRequest(c.Request().WithContext(viewer.With(c.Request().Context(), look)))
}

func cookieOf(c echo.Context, name string) string {
	cookie, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// locationOf is the time zone that the browser has told, or UTC. "Local" would be the server's.
func locationOf(c echo.Context) *time.Location {
	name := cookieOf(c, zoneCookie)
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return location
}

func isAsset(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, path.Static) || r.URL.Path == path.HealthLive || r.URL.Path == path.HealthReady
}

var (
	errCrossSite  = errors.New("the request came from another site")
	errAdminsOnly = errors.New("only admins may do this")
)

// MayAdminister reports whether the caller is an admin of the workspace shown.
func MayAdminister(c echo.Context) bool {
	member := viewer.Of(c.Request().Context()).Member
	return member != nil && member.IsAdmin()
}
