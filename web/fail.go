package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
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

// conflictFor is the Retry-After of responses sent while another request is in the way.
const conflictFor = time.Second

// problem is an error as the client sees it.
type problem struct {
	keyauth.Problem
	title  string        // of the page; chosen by status if empty
	fields models.Fields // in JSON only
	stale  *StaleError   // with the link of the page, if any
}

func newProblem(status int, kind, message string) problem {
	return problem{Problem: keyauth.Problem{Status: status, Type: kind, Message: message}}
}

// titled returns the problem with another title of its page.
func (p problem) titled(title string) problem {
	p.title = title
	return p
}

// problemOf returns what the client may know about err. Errors of unknown types are private and
// become a 500 without details.
func problemOf(err error) problem {
	var (
		rule      *models.Error
		request   *RequestError
		framework *echo.HTTPError
		crossSite *crossSiteError
		stale     *StaleError
		tooLarge  *http.MaxBytesError
	)
	if p, rejected := keyauth.ProblemOf(err); rejected {
		return problem{Problem: p}
	}
	switch {
	case errors.As(err, &stale):
		p := newProblem(http.StatusConflict, "conflict", stale.Message).titled(stale.Title)
		p.stale = stale
		return p
	case errors.As(err, &rule):
		return ruleProblem(rule)
	case errors.As(err, &request):
		return newProblem(request.Status, request.Type, request.Message)
	case errors.As(err, &framework):
		return frameworkProblem(framework)
	case errors.As(err, &crossSite):
		return newProblem(http.StatusForbidden, "forbidden", crossSite.message()).titled("Request blocked")
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "payload_too_large", fmt.Sprintf("The request body is larger than %d KiB.", tooLarge.Limit>>10))
	case errors.Is(err, errSignedOut):
		return newProblem(http.StatusUnauthorized, "authentication_error", "You were signed out. Sign in, then try again.")
	case errors.As(err, new(permissionError)):
		return newProblem(http.StatusForbidden, "forbidden", "")
	}
	return newProblem(http.StatusInternalServerError, "internal_error",
		"Something went wrong on our end. If it keeps happening, contact your administrator with the request ID.")
}

func ruleProblem(err *models.Error) problem {
	p := newProblem(0, "", err.Message)
	p.RetryAfter = err.RetryAfter
	switch err.Kind {
	case models.Invalid:
		p.Status, p.Type, p.fields = http.StatusUnprocessableEntity, "validation_error", err.Fields
	case models.FailedPrecondition:
		p.Status, p.Type = http.StatusUnprocessableEntity, "invalid_request"
	case models.NotFound:
		p.Status, p.Type = http.StatusNotFound, "not_found"
	case models.Forbidden:
		p.Status, p.Type = http.StatusForbidden, "forbidden"
	case models.Conflict:
		p.Status, p.Type, p.RetryAfter = http.StatusConflict, "conflict", cmp.Or(err.RetryAfter, conflictFor)
	}
	return p
}

func frameworkProblem(err *echo.HTTPError) problem {
	switch err.Code {
	case http.StatusNotFound:
		return newProblem(err.Code, "not_found", "There is nothing at this URL. Check it and try again.")
	case http.StatusMethodNotAllowed:
		return newProblem(err.Code, "method_not_allowed", "Method not allowed. See the Allow header.")
	}
	if err.Code >= http.StatusInternalServerError {
		return problemOf(nil)
	}
	return newProblem(err.Code, "invalid_request", "We couldn't process this request.")
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

// errorHandler returns the only function that turns errors into responses. It leaves those that the client
// didn't cause for the request's line in the log. If it can't send a whole response, it panics with
// http.ErrAbortHandler to make the server close the connection. Otherwise, the client would mistake the
// first part of a response for all of it, or the empty 200 that net/http sends by default for a success.
func errorHandler(outages *outages) echo.HTTPErrorHandler {
	return func(err error, outer echo.Context) {
		_ = withRequestContext(outer, func(c *requestContext) error {
			handleError(outages, err, c)
			return nil
		})
	}
}

func handleError(outages *outages, err error, c *requestContext) {
	p, gone := problemOf(err), clientGone(c, err)
	switch {
	case gone && (c.Response().Committed || p.Status >= http.StatusInternalServerError):
		panic(http.ErrAbortHandler)
	case c.Response().Committed, p.Status >= http.StatusInternalServerError:
		c.failure = failure{err: err, aborted: c.Response().Committed, outage: p.Status == http.StatusServiceUnavailable}
		if c.failure.outage {
			outages.requestFailed(err)
		}
	}
	if c.failure.aborted {
		panic(http.ErrAbortHandler)
	}
	// A client that seems to have gone may only have closed its side of the connection.
	if sendErr := send(c, p, err); sendErr != nil && !gone {
		c.failure = failure{err: errors.Join(c.failure.err, fmt.Errorf("send the error response: %w", sendErr))}
	}
	if !c.Response().Committed {
		panic(http.ErrAbortHandler)
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
	p.SetHeader(c.Response().Header())
	if r, is := c.(*requestContext); is && r.jsonErrors {
		return c.JSON(p.Status, wire.ErrorBody{Error: wire.Error{Type: p.Type, Message: p.Message, Fields: p.fields}})
	}
	if lacking := new(permissionError); errors.As(err, lacking) {
		return Render(c, p.Status, views.Forbidden(lacking.permission))
	}
	return Render(c, p.Status, views.Show(p.page(c)))
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
	http.StatusServiceUnavailable:    "Temporarily unavailable",
}

func (p problem) page(c echo.Context) views.Page {
	page := views.Page{Status: p.Status, Title: cmp.Or(p.title, titles[p.Status], "Something went wrong"), Message: p.Message, SignedIn: viewer.Of(c.Request().Context()).User != nil}
	if p.stale != nil {
		page.Link, page.LinkLabel = p.stale.Link, p.stale.LinkLabel
	}
	if p.Status == http.StatusInternalServerError {
		page.RequestID = requestIDOf(c)
	}
	return page
}
