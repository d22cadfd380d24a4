package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	views "github.com/skipup/keys/views/problem"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web/keyauth"
)

// RequestError reports a request that is malformed.
type RequestError struct {
	Status        int
	Type, Message string
}

func (e *RequestError) Error() string { return e.Message }

// StaleError reports that someone else has deleted what a page is about. The error page links to what is
// left of it.
type StaleError struct{ Title, Message, Link, LinkLabel string }

func (e *StaleError) Error() string { return e.Message }

// Messages for rejected keys. They are the same for every cause (API contract §1).
const (
	invalidKey   = "Invalid or missing API key."
	missingScope = "This API key does not have the required scope."
)

const realm = `Bearer realm="SkipUp API"`

// unavailableFor is the Retry-After of responses sent while the database is unavailable.
const unavailableFor = time.Second

// conflictFor is the Retry-After of responses sent while another request is in the way.
const conflictFor = time.Second

// problem is an error as the client sees it.
type problem struct {
	status        int
	kind, message string
	title         string // of the page; chosen by status if empty
	challenge     string // WWW-Authenticate
	retryAfter    time.Duration
	fields        models.Fields // in JSON only
	stale         *StaleError   // with the link of the page, if any
}

// problemOf returns what the client may know about err. Errors of unknown types are private and
// become a 500 without details.
func problemOf(err error) problem {
	var (
		rule        *models.Error
		request     *RequestError
		framework   *echo.HTTPError
		unavailable *keyauth.UnavailableError
		crossSite   *crossSiteError
		stale       *StaleError
	)
	switch {
	case errors.As(err, &unavailable), models.IsUnavailable(err):
		return problem{status: http.StatusServiceUnavailable, kind: "service_unavailable", title: "Temporarily unavailable",
			message: models.OutageCause(err) + " Try again in a moment.", retryAfter: unavailableFor}
	case errors.As(err, &stale):
		return problem{status: http.StatusConflict, kind: "conflict", title: stale.Title, message: stale.Message, stale: stale}
	case errors.As(err, &rule):
		return ruleProblem(rule)
	case errors.As(err, &request):
		return problem{status: request.Status, kind: request.Type, message: request.Message}
	case errors.As(err, &framework):
		return frameworkProblem(framework)
	case errors.As(err, &crossSite):
		return problem{status: http.StatusForbidden, kind: "forbidden", title: "Request blocked", message: crossSite.message()}
	case errors.Is(err, errSignedOut):
		return problem{status: http.StatusUnauthorized, kind: "authentication_error", message: "You were signed out. Sign in, then try again."}
	case errors.Is(err, errAdminsOnly):
		return problem{status: http.StatusForbidden, kind: "forbidden"}
	}
	if p, rejected := keyProblem(err); rejected {
		return p
	}
	return problem{status: http.StatusInternalServerError, kind: "internal_error", title: "Something went wrong",
		message: "Something went wrong on our end. If it keeps happening, contact your administrator with the request ID."}
}

// keyProblem returns the problem of a rejected key (RFC 6750 §3), if err reports one.
func keyProblem(err error) (problem, bool) {
	p := problem{status: http.StatusUnauthorized, kind: "authentication_error", message: invalidKey}
	var scope *keyauth.ScopeError
	switch {
	case errors.Is(err, keyauth.ErrMissing):
		p.challenge = realm
	case errors.Is(err, keyauth.ErrInvalid):
		p.challenge = realm + `, error="invalid_token"`
	case errors.As(err, &scope):
		p = problem{status: http.StatusForbidden, kind: "forbidden", message: missingScope,
			challenge: fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, scope.Name)}
	default:
		return problem{}, false
	}
	return p, true
}

func ruleProblem(err *models.Error) problem {
	p := problem{message: err.Message, retryAfter: err.RetryAfter}
	switch err.Kind {
	case models.Invalid:
		p.status, p.kind, p.fields = http.StatusUnprocessableEntity, "validation_error", err.Fields
	case models.FailedPrecondition:
		p.status, p.kind = http.StatusUnprocessableEntity, "invalid_request"
	case models.NotFound:
		p.status, p.kind = http.StatusNotFound, "not_found"
	case models.Forbidden:
		p.status, p.kind = http.StatusForbidden, "forbidden"
	case models.Conflict:
		p.status, p.kind, p.retryAfter = http.StatusConflict, "conflict", cmp.Or(err.RetryAfter, conflictFor)
	case models.RateLimited:
		p.status, p.kind = http.StatusTooManyRequests, "rate_limited"
	}
	return p
}

func frameworkProblem(err *echo.HTTPError) problem {
	switch err.Code {
	case http.StatusNotFound:
		return problem{status: err.Code, kind: "not_found", message: "There is nothing at this URL. Check it and try again."}
	case http.StatusMethodNotAllowed:
		return problem{status: err.Code, kind: "method_not_allowed", message: "Method not allowed. See the Allow header."}
	case http.StatusRequestEntityTooLarge:
		return problem{status: err.Code, kind: "payload_too_large", message: fmt.Sprintf("The request body is larger than %d KiB.", MaxBody>>10)}
	}
	if err.Code >= http.StatusInternalServerError {
		return problemOf(nil)
	}
	return problem{status: err.Code, kind: "invalid_request", message: "We couldn't process this request."}
}

// jsonErrors makes the error handler send JSON instead of a page.
func jsonErrors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(outer echo.Context) error {
		return withRequestContext(outer, func(c *requestContext) error {
			c.jsonErrors = true
			return next(c)
		})
	}
}

// errorHandler returns the only function that turns errors into responses. It logs those that
// the client didn't cause. If it can't send a whole response, it panics with http.ErrAbortHandler to
// make the server close the connection. Otherwise the client would mistake the first part of a
// response for all of it, or the empty 200 that net/http sends by default for a success.
func errorHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		p, gone := problemOf(err), clientGone(c, err)
		switch {
		case gone && (c.Response().Committed || p.status >= http.StatusInternalServerError):
			panic(http.ErrAbortHandler)
		case c.Response().Committed:
			logError(log, c, "response aborted", err)
			panic(http.ErrAbortHandler)
		case p.status >= http.StatusInternalServerError:
			logError(log, c, "request failed", err)
		}
		// A client that seems to have gone may only have closed its side of the connection.
		if sendErr := send(c, p, err); sendErr != nil && !gone {
			logError(log, c, "could not send error response", sendErr)
		}
		if !c.Response().Committed {
			panic(http.ErrAbortHandler)
		}
	}
}

var errNoResponse = errors.New("the handler returned without a response")

// requireResponse returns an error if no handler has written a response.
func requireResponse(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if err == nil && !c.Response().Committed {
			return errNoResponse
		}
		return err
	}
}

// clientGone reports whether err occurred because the client closed the connection, as browsers do
// when the user leaves a page. Interrupted operations then return many different errors.
func clientGone(c echo.Context, err error) bool {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return c.Response().Committed // otherwise it is the connection to the database that broke
	}
	return errors.Is(c.Request().Context().Err(), context.Canceled) && !errors.As(err, new(*panicError))
}

func send(c echo.Context, p problem, err error) error {
	header := c.Response().Header()
	if p.challenge != "" {
		header.Set(echo.HeaderWWWAuthenticate, p.challenge)
	}
	if p.retryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if r, is := c.(*requestContext); is && r.jsonErrors {
		return c.JSON(p.status, map[string]any{"error": envelope{p.kind, p.message, p.fields}})
	}
	if errors.Is(err, errAdminsOnly) {
		return Render(c, p.status, views.AdminsOnly())
	}
	return Render(c, p.status, views.Show(p.page(c)))
}

// envelope is the error of the API (API contract §3).
type envelope struct {
	Type    string        `json:"type"`
	Message string        `json:"message"`
	Fields  models.Fields `json:"fields,omitempty"` // of a validation_error
}

// titles are the titles of error pages.
var titles = map[int]string{
	http.StatusBadRequest:            "We couldn't read that",
	http.StatusUnauthorized:          "Sign in to continue",
	http.StatusForbidden:             "You don't have access",
	http.StatusNotFound:              "Page not found",
	http.StatusConflict:              "This changed while you were editing",
	http.StatusRequestEntityTooLarge: "Request too large",
	http.StatusMethodNotAllowed:      "This page can't do that",
	http.StatusUnprocessableEntity:   "We couldn't do that",
	http.StatusTooManyRequests:       "Too many requests",
}

func (p problem) page(c echo.Context) views.Page {
	page := views.Page{Status: p.status, Title: cmp.Or(p.title, titles[p.status], "Something went wrong"), Message: p.message, SignedIn: viewer.Of(c.Request().Context()).User != nil}
	if p.stale != nil {
		page.Link, page.LinkLabel = p.stale.Link, p.stale.LinkLabel
	}
	if p.status == http.StatusInternalServerError {
		page.RequestID = requestIDOf(c)
	}
	return page
}

func logError(log *slog.Logger, c echo.Context, message string, err error) {
	attributes := []any{slog.Any("error", err), slog.String("route", routeOf(c)), slog.String("request_id", requestIDOf(c))}
	if panicked := new(panicError); errors.As(err, &panicked) {
		attributes = append(attributes, slog.String("stack", string(panicked.stack)))
	}
	log.ErrorContext(c.Request().Context(), message, attributes...)
}
