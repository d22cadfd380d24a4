package web

import (
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
	"github.com/skipup/keys/views/problem"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web/keyauth"
)

// RequestError is a request that could not be understood, so that no rule was asked.
type RequestError struct {
	Status        int
	Type, Message string
}

func (e *RequestError) Error() string { return e.Message }

// The words of a refused key, the same for every cause (API contract §1).
const (
	keyRefused   = "Invalid or missing API key."
	scopeRefused = "This API key does not have the required scope."
)

const realm = `Bearer realm="SkipUp API"`

// unavailableFor is what a client is asked to wait when the database cannot be reached.
const unavailableFor = time.Second

// answer is an error as the caller sees it.
type answer struct {
	status        int
	kind, message string
	title         string // of the page; the status text if empty
	challenge     string // WWW-Authenticate
	retryAfter    time.Duration
}

// answerTo is what is said about err. What it does not know is private: a 500 without detail.
func answerTo(err error) answer {
	var (
		rule        *models.Error
		request     *RequestError
		framework   *echo.HTTPError
		unavailable *keyauth.UnavailableError
	)
	switch {
	case errors.As(err, &unavailable), models.IsUnavailable(err):
		return answer{status: http.StatusServiceUnavailable, kind: "service_unavailable", title: "Back in a moment",
			message: "The database cannot be reached. Try again in a moment.", retryAfter: unavailableFor}
	case errors.As(err, &rule):
		return answerToRule(rule)
	case errors.As(err, &request):
		return answer{status: request.Status, kind: request.Type, message: request.Message}
	case errors.As(err, &framework):
		return answerToFramework(framework)
	case errors.Is(err, errCrossSite):
		return answer{status: http.StatusForbidden, kind: "forbidden", title: "Not from another site",
			message: "This form was sent from another site, so nothing was done. Open the page here and try again."}
	case errors.Is(err, errAdminsOnly):
		return answer{status: http.StatusForbidden, kind: "forbidden"}
	}
	if refusal, refused := answerToKey(err); refused {
		return refusal
	}
	return answer{status: http.StatusInternalServerError, kind: "internal_error", title: "Something went wrong",
		message: "Something went wrong on our side. If it happens again, tell the operator the request id."}
}

// answerToKey is what is said about a refused key (RFC 6750 §3).
func answerToKey(err error) (answer, bool) {
	refusal := answer{status: http.StatusUnauthorized, kind: "authentication_error", message: keyRefused}
	var scope *keyauth.ScopeError
	switch {
	case errors.Is(err, keyauth.ErrMissing):
		refusal.challenge = realm
	case errors.Is(err, keyauth.ErrInvalid):
		refusal.challenge = realm + `, error="invalid_token"`
	case errors.As(err, &scope):
		refusal = answer{status: http.StatusForbidden, kind: "forbidden", message: scopeRefused,
			challenge: fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, scope.Scope)}
	default:
		return answer{}, false
	}
	return refusal, true
}

func answerToRule(err *models.Error) answer {
	said := answer{message: err.Message, retryAfter: err.RetryAfter}
	switch err.Kind {
	case models.Invalid:
		said.status, said.kind = http.StatusUnprocessableEntity, "validation_error"
	case models.FailedPrecondition:
		said.status, said.kind = http.StatusUnprocessableEntity, "invalid_request"
	case models.NotFound:
		said.status, said.kind = http.StatusNotFound, "not_found"
	case models.Forbidden:
		said.status, said.kind = http.StatusForbidden, "forbidden"
	case models.Conflict:
		said.status, said.kind = http.StatusConflict, "conflict"
	case models.RateLimited:
		said.status, said.kind = http.StatusTooManyRequests, "rate_limited"
	}
	return said
}

func answerToFramework(err *echo.HTTPError) answer {
	switch err.Code {
	case http.StatusNotFound:
		return answer{status: err.Code, kind: "not_found", title: "Page not found", message: "There is nothing at this address."}
	case http.StatusMethodNotAllowed:
		return answer{status: err.Code, kind: "method_not_allowed", message: "This address does not take this method; the Allow header lists those it takes."}
	case http.StatusRequestEntityTooLarge:
		return answer{status: err.Code, kind: "payload_too_large", message: fmt.Sprintf("The request body is larger than %d KiB.", MaxBody>>10)}
	}
	if err.Code >= http.StatusInternalServerError {
		return answerTo(nil)
	}
	return answer{status: err.Code, kind: "invalid_request", message: "The request could not be understood."}
}

// failWith is the one place where an error becomes an answer, and where it is logged: only
// what is not the caller's own mistake. Of an answer that has begun it panics with
// http.ErrAbortHandler, after which the server cuts the connection: else the half of it would
// look like the whole.
func failWith(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if hasGone(c, err) {
			return // nobody reads an answer
		}
		if c.Response().Committed {
			logError(log, c, "answer broken off", err)
			panic(http.ErrAbortHandler)
		}
		said := answerTo(err)
		if said.status >= http.StatusInternalServerError {
			logError(log, c, "request failed", err)
		}
		if sendErr := send(c, said, err); sendErr != nil {
			logError(log, c, "error not sent", sendErr)
		}
	}
}

// hasGone reports whether err comes of a caller who has not waited for the answer, as browsers
// do when somebody has clicked on. What is broken off then says so in many ways.
func hasGone(c echo.Context, err error) bool {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return c.Response().Committed // else it is the connection to the database that broke
	}
	return errors.Is(c.Request().Context().Err(), context.Canceled) && !errors.As(err, new(*panicError))
}

func send(c echo.Context, said answer, err error) error {
	header := c.Response().Header()
	if said.challenge != "" {
		header.Set(echo.HeaderWWWAuthenticate, said.challenge)
	}
	if said.retryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(said.retryAfter.Seconds()))))
	}
	if isAPI(c.Request()) {
		return c.JSON(said.status, map[string]any{"error": envelope{said.kind, said.message}})
	}
	if errors.Is(err, errAdminsOnly) {
		return Render(c, said.status, problem.AdminsOnly())
	}
	return Render(c, said.status, problem.Show(said.page(c)))
}

// envelope is the error of the API: two members, no more (API contract §3).
type envelope struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func (a answer) page(c echo.Context) problem.Page {
	page := problem.Page{Status: a.status, Title: a.title, Message: a.message, SignedIn: viewer.Of(c.Request().Context()).User != nil}
	if page.Title == "" {
		page.Title = http.StatusText(a.status)
	}
	if a.status == http.StatusInternalServerError {
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
