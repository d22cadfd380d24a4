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
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
)

// Render sends a page, all of it or, if it cannot be drawn, nothing. A notice that it shows is
// not shown again; a part of a page shows none.
func Render(c echo.Context, status int, page templ.Component) error {
	var html bytes.Buffer
	ctx := c.Request().Context()
	if err := page.Render(ctx, &html); err != nil {
		return err
	}
	if viewer.Of(ctx).Notice != "" {
		if err := SetNotice(c, ""); err != nil {
			return err
		}
	}
	return c.HTMLBlob(status, html.Bytes())
}

// ForPart reports whether htmx sends the request of c, which takes a part of the answer and puts
// it into the page that the browser shows.
func ForPart(c echo.Context) bool { return isForPart(c.Request()) }

func isForPart(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// Redirect sends the browser to another page with GET, through htmx too, which would
// otherwise put that page where a part was expected.
func Redirect(c echo.Context, address string) error {
	if ForPart(c) {
		c.Response().Header().Set("HX-Redirect", address)
		return c.NoContent(http.StatusOK)
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// LocalAddress is address if it is a page of this site, else home: nobody can be sent
// elsewhere by a link to the sign-in page.
func LocalAddress(address string) string {
	parsed, err := url.Parse(address)
	switch {
	case err != nil, parsed.Host != "", parsed.Scheme != "", !strings.HasPrefix(address, "/"),
		strings.HasPrefix(address, "//"), strings.ContainsAny(address, "\\\r\n\t"):
		return path.Home
	}
	return address
}

// forms decodes what a browser sends. Members that a form does not know are left alone.
var forms = func() *schema.Decoder {
	decoder := schema.NewDecoder()
	decoder.SetAliasTag("form")
	decoder.IgnoreUnknownKeys(true)
	decoder.ZeroEmpty(true)
	return decoder
}()

// BindForm decodes the body of a form, never the address, into form, a pointer to a struct
// with form tags. A form for another workspace than the one that is shown now is refused.
func BindForm(c echo.Context, form any) error {
	r := c.Request()
	if err := r.ParseForm(); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return echo.ErrStatusRequestEntityTooLarge
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
	if workspaceID := r.PostForm.Get(ui.WorkspaceField); workspaceID != "" && workspaceID != CallerOf(c).WorkspaceID {
		return errOtherWorkspace
	}
	if err := forms.Decode(form, r.PostForm); err != nil {
		return errForm
	}
	return nil
}

var (
	errForm           = &RequestError{Status: http.StatusBadRequest, Type: "invalid_request", Message: "The form could not be read. Go back, reload the page and try again."}
	errFormText       = &RequestError{Status: http.StatusUnprocessableEntity, Type: "validation_error", Message: "The form has text that is not valid UTF-8, or a NUL character. Type it again without."}
	errOtherWorkspace = &RequestError{Status: http.StatusConflict, Type: "conflict", Message: "You have switched to another workspace since this form was opened, so nothing was done. Switch back, or open the form again."}
)
