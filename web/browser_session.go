package web

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
)

// longLived limits how long a browser keeps preferences and the known-device cookie.
const longLived = 365 * 24 * time.Hour

// browserSessions loads and changes the sessions of browsers.
type browserSessions struct {
	store     *models.Store
	sessions  *sessionStore
	publicURL string
	provider  string // of single sign-on; empty without one
	log       *slog.Logger
	lost      sync.Once // to log one lost cookie
}

func newBrowserSessions(store *models.Store, options Options) *browserSessions {
	b := &browserSessions{store: store, sessions: newSessionStore(store, options.PublicURL), publicURL: options.PublicURL, log: options.Log}
	if options.SingleSignOn != nil {
		b.provider = options.SingleSignOn.Name()
	}
	return b
}

// loadViewer loads the signed-in user, if any, and the preferences of the browser. It never rejects a
// request.
func (b *browserSessions) loadViewer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(outer echo.Context) error {
		return withRequestContext(outer, func(c *requestContext) error { return b.load(c, next) })
	}
}

func (b *browserSessions) load(c *requestContext, next echo.HandlerFunc) error {
	c.SetRequest(c.Request().WithContext(c.countQueries(c.Request().Context())))
	setActor(c, models.Actor{Type: models.ActorAnonymous, Name: "Unknown"})
	c.page = &pageContext{sessions: b}
	v := viewer.Viewer{
		Theme:     viewer.ParseTheme(cookieOf(c, themeCookie)),
		Times:     viewer.ParseTimes(cookieOf(c, timesCookie)),
		Density:   viewer.ParseDensity(cookieOf(c, densityCookie)),
		Location:  locationOf(c),
		Now:       b.store.Now(),
		Scopes:    b.store.Scopes(),
		KeyPrefix: b.store.KeyPrefix(),
		PublicURL: b.publicURL,
		Provider:  b.provider,
		ReturnTo:  returnTo(c.Request()),
	}
	setViewer(c, v)
	session, err := b.session(c)
	if err != nil {
		return err
	}
	if !session.IsNew {
		if err := b.loadUser(c, session, v); err != nil {
			return err
		}
	}
	return next(c)
}

// loadUser adds the user of a session to the viewer, and sets the caller if the user belongs to a
// workspace.
func (b *browserSessions) loadUser(c *requestContext, session *sessions.Session, v viewer.Viewer) error {
	row := rowOf(session)
	user, err := b.store.User(c.Request().Context(), row.UserID)
	if err != nil {
		return err
	}
	memberships, err := b.store.MembershipsOf(c.Request().Context(), row.UserID)
	if err != nil {
		return err
	}
	v.User, v.Memberships = user, memberships
	v.Member = chooseMembership(memberships, c.Param(WorkspaceParam), row.WorkspaceID)
	if !isForPart(c.Request()) { // a part of a page shows no notice
		v.Notice = viewer.ParseNotice(row.Notices[c.Param(WorkspaceParam)])
		if v.Member != nil && c.Request().Method == http.MethodGet {
			if v.Unread, err = b.store.HasUnread(c.Request().Context(), v.Member); err != nil {
				return err
			}
		}
	}
	setViewer(c, v)
	if v.Member != nil {
		setCaller(c, Caller{WorkspaceID: v.Member.WorkspaceID, Member: v.Member, Session: session.ID})
	}
	return nil
}

// WorkspaceParam is the parameter of routes that holds the ID of a workspace.
const WorkspaceParam = "workspace"

// chooseMembership returns the membership in the workspace that the path names, or nil if there is none.
// Outside of workspaces, it returns the one in the workspace that was last used, or the first one.
func chooseMembership(memberships []models.Member, inPath string, lastUsed *string) *models.Member {
	workspaceID := inPath
	if inPath == "" && lastUsed != nil {
		workspaceID = *lastUsed
	}
	for i := range memberships {
		if memberships[i].WorkspaceID == workspaceID {
			return &memberships[i]
		}
	}
	if inPath == "" && len(memberships) > 0 {
		return &memberships[0]
	}
	return nil
}

func (b *browserSessions) session(c echo.Context) (*sessions.Session, error) {
	return b.sessions.Get(c.Request(), cookieName(b.publicURL, sessionCookie))
}

// cookie returns the value of one of the server's own cookies, or "" if the browser sent none.
func (b *browserSessions) cookie(c echo.Context, name string) string {
	return cookieOf(c, cookieName(b.publicURL, name))
}

func (b *browserSessions) setCookie(c echo.Context, name, value string, life time.Duration) {
	options := cookieOptions(b.publicURL, life)
	c.SetCookie(sessions.NewCookie(cookieName(b.publicURL, name), value, &options))
}

func (b *browserSessions) deleteCookie(c echo.Context, name string) {
	b.setCookie(c, name, "", -time.Second)
}

func browserSessionsOf(c echo.Context) *browserSessions {
	return c.(*requestContext).page.sessions
}

// SignedIn sends the cookies of a session that the Store has started, and redirects to next by way of a
// page that explains the problem if the browser doesn't return the cookies. Without it, the browser
// would end up on the sign-in page again, without a reason.
func SignedIn(c echo.Context, in *models.SignedIn, next string) error {
	b := browserSessionsOf(c)
	session, err := b.session(c)
	if err != nil {
		return err
	}
	session.ID, session.IsNew = in.SessionID, true
	if err := session.Save(c.Request(), c.Response()); err != nil {
		return err
	}
	b.setCookie(c, deviceCookie, in.Device, longLived)
	if PendingSignIn(c) != "" {
		b.deleteCookie(c, signInCookie)
	}
	return Redirect(c, path.SignedIn(next))
}

// AwaitCode sends the cookie of a sign-in that waits for a code, and redirects to the page that asks for it
// and continues to next.
func AwaitCode(c echo.Context, in *models.SignedIn, next string) error {
	browserSessionsOf(c).setCookie(c, signInCookie, in.PendingID, models.PendingSignInLife)
	return Redirect(c, path.SignInCodeAnd(next))
}

// BeginRoundTrip sends the cookie of a round trip to the provider of single sign-on.
func BeginRoundTrip(c echo.Context, id string) {
	browserSessionsOf(c).setCookie(c, roundTripCookie, id, models.RoundTripLife)
}

// EndRoundTrip returns the ID of the browser's round trip to the provider, or "" if there is none, and deletes its
// cookie.
func EndRoundTrip(c echo.Context) string {
	b := browserSessionsOf(c)
	b.deleteCookie(c, roundTripCookie)
	return b.cookie(c, roundTripCookie)
}

// PendingSignIn returns the ID of the browser's sign-in that waits for a code, or "" if there is none.
func PendingSignIn(c echo.Context) string {
	return browserSessionsOf(c).cookie(c, signInCookie)
}

// RenewSession sends the cookie of the browser's session after the Store has given it a new ID.
func RenewSession(c echo.Context, id string) error {
	session, err := browserSessionsOf(c).session(c)
	if err != nil || session.IsNew {
		return err
	}
	session.ID, session.IsNew = id, true
	err = session.Save(c.Request(), c.Response())
	session.IsNew = false
	return err
}

// LostSession returns why a browser that has just signed in has no session, and what to do. It logs the
// first case.
func LostSession(c echo.Context) string {
	b := browserSessionsOf(c)
	b.lost.Do(func() {
		b.log.Warn("a browser signed in but didn't return the session cookie; it must accept cookies and open exactly the public URL, "+
			"which --public-url (SKIPUP_PUBLIC_URL) sets", "public_url", b.publicURL, "host", c.Request().Host)
	})
	if isHTTPS(b.publicURL) {
		return "Your browser didn’t keep the session cookie, so you aren’t signed in. The cookie works only over https: open " + b.publicURL +
			" and allow cookies for it. If that isn’t this server’s address, its operator must correct SKIPUP_PUBLIC_URL."
	}
	return "Your browser didn’t keep the session cookie, so you aren’t signed in. Allow cookies for this site, then try again."
}

// SignedOut deletes the session of the browser and its cookie.
func SignedOut(c echo.Context) error {
	session, err := browserSessionsOf(c).session(c)
	if err != nil {
		return err
	}
	session.Options.MaxAge = -1
	return session.Save(c.Request(), c.Response())
}

// SessionID returns the ID of the browser's session, or "" if there is none.
func SessionID(c echo.Context) string {
	session, err := browserSessionsOf(c).session(c)
	if err != nil || session.IsNew {
		return ""
	}
	return session.ID
}

// SessionDigest returns the digest under which the browser's session is stored, or nil if there
// is none.
func SessionDigest(c echo.Context) []byte {
	return browserSessionsOf(c).row(c).Digest
}

// ProvedRecently reports whether the user of the browser's session has proved recently who they are.
func ProvedRecently(c echo.Context) bool {
	b := browserSessionsOf(c)
	return b.row(c).ProvedRecently(b.store.Now())
}

// IsProvided reports whether the user of the browser's session signed in with single sign-on.
func IsProvided(c echo.Context) bool { return browserSessionsOf(c).row(c).IsProvided() }

// HasProviderSecondFactor reports whether the provider of single sign-on asked the user of the browser's session for a
// second factor.
func HasProviderSecondFactor(c echo.Context) bool {
	return browserSessionsOf(c).row(c).ProviderSecondFactor
}

// row returns the row of the browser's session, or an empty one if there is none.
func (b *browserSessions) row(c echo.Context) *models.Session {
	session, err := b.session(c)
	if err != nil {
		return &models.Session{}
	}
	return rowOf(session)
}

// Device returns the value of the known-device cookie, or "" if the browser sent none.
func Device(c echo.Context) string {
	return browserSessionsOf(c).cookie(c, deviceCookie)
}

// Browser returns a random value that only this browser has, from a cookie that it sets if there is none.
func Browser(c echo.Context) string {
	b := browserSessionsOf(c)
	value := b.cookie(c, browserCookie)
	if value == "" {
		value = rand.Text()
		b.setCookie(c, browserCookie, value, models.PasskeyChallengeLife)
	}
	return value
}

// SetNotice sets a text to show once, on the page at a URL or, if that isn't opened, on the next page of the same
// workspace. Tabs in other workspaces don't show it.
func SetNotice(c echo.Context, url, text string) error {
	return setNotice(c, path.WorkspaceOf(url), text)
}

// MoveNotice moves the notice of the requested page to the page at a URL, to which the request is redirected.
func MoveNotice(c echo.Context, url string) error {
	notice := viewer.Of(c.Request().Context()).Notice.String()
	if notice == "" || path.WorkspaceOf(url) == c.Param(WorkspaceParam) { // that page shows it anyway
		return nil
	}
	if err := SetNotice(c, url, notice); err != nil {
		return err
	}
	return clearNotice(c)
}

// clearNotice removes the notice of the requested page.
func clearNotice(c echo.Context) error { return setNotice(c, c.Param(WorkspaceParam), "") }

func setNotice(c echo.Context, workspaceID, text string) error {
	return changeSession(c, func(store *models.Store, id string) error {
		return store.SetNotice(c.Request().Context(), id, workspaceID, text)
	})
}

// changeSession changes the browser's session, if it has one, for later requests.
func changeSession(c echo.Context, change func(store *models.Store, id string) error) error {
	b := browserSessionsOf(c)
	session, err := b.session(c)
	if err != nil || session.IsNew {
		return err
	}
	return change(b.store, session.ID)
}

func setViewer(c echo.Context, v viewer.Viewer) {
	c.SetRequest(c.Request().WithContext(viewer.With(c.Request().Context(), v)))
}
