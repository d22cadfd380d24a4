package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/gorilla/schema"
	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/viewer"
)

// Render sends a page. If rendering fails, nothing has been sent. A notice that the page shows is
// then deleted from the session.
func Render(c echo.Context, status int, page templ.Component) error {
	var html bytes.Buffer
	ctx := c.Request().Context()
	if err := page.Render(ctx, &html); err != nil {
		return err
	}
	if viewer.Of(ctx).Notice.Text != "" {
		if err := clearNotice(c); err != nil {
			return err
		}
	}
	return c.HTMLBlob(status, html.Bytes())
}

// ForPart reports whether a request comes from htmx, which puts a part of the response into the
// current page.
func ForPart(c echo.Context) bool { return isForPart(c.Request()) }

func isForPart(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// Redirect sends the browser to another page. htmx needs a header for that, because it would put
// the page of an HTTP redirect into the current one.
func Redirect(c echo.Context, to string) error {
	if ForPart(c) {
		c.Response().Header().Set("HX-Redirect", to)
		return c.NoContent(http.StatusOK)
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// LocalURL returns rawURL if it is on this site, and the root otherwise, so that a link to the
// sign-in page can't lead to another site.
func LocalURL(rawURL string) string {
	parsed, err := url.Parse(rawURL)
	switch {
	case err != nil, parsed.Host != "", parsed.Scheme != "", !strings.HasPrefix(rawURL, "/"),
		strings.HasPrefix(rawURL, "//"), strings.ContainsAny(rawURL, "\\\r\n\t"):
		return path.Root
	}
	return rawURL
}

// forms decodes forms. It ignores unknown fields.
var forms = func() *schema.Decoder {
	decoder := schema.NewDecoder()
	decoder.SetAliasTag("form")
	decoder.IgnoreUnknownKeys(true)
	decoder.ZeroEmpty(true)
	return decoder
}()

// BindForm decodes the body of a request, but not its query, into form, a pointer to a struct with
// form tags.
func BindForm(c echo.Context, form any) error {
	r := c.Request()
	if err := r.ParseForm(); err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return err
		}
		return errForm
	}
	for name, values := range r.PostForm {
		for _, value := range append(values, name) {
			if !isText(value) {
				return errFormText
			}
		}
	}
	if err := forms.Decode(form, r.PostForm); err != nil {
		return errForm
	}
	return nil
}

var (
	errForm     = &RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "We couldn't read this form. Reload the page and try again."}
	errFormText = &RequestError{Status: http.StatusUnprocessableEntity, Type: "validation_error", Message: "This form contains characters we can't save. Remove them and try again."}
)
