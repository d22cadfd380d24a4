package handlerstest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/views/path"
)

// Response is a response of the server, read in full.
type Response struct {
	Status int
	Header http.Header
	Body   string

	request *http.Request
}

// Want fails the test unless the response has the given status and its body contains each of the texts.
func (r Response) Want(t testing.TB, status int, texts ...string) {
	t.Helper()
	if r.Status != status {
		t.Errorf("%s: status = %d, want %d\n%s", r.name(), r.Status, status, r.Body)
		return
	}
	modelstest.Contains(t, r.name(), r.Body, texts...)
}

// WantWithout fails the test if the body contains one of the texts.
func (r Response) WantWithout(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(r.Body, text) {
			t.Errorf("%s contains %q:\n%s", r.name(), text, r.Body)
		}
	}
}

// WantRedirect fails the test unless the response redirects to location after a form. A location that names no
// workspace is in the one of the request, if any.
func (r Response) WantRedirect(t testing.TB, location string) {
	t.Helper()
	r.Want(t, http.StatusSeeOther)
	modelstest.Equal(t, r.name()+": Location", r.Header.Get("Location"), in(path.Workspace(workspaceIn(r.request.URL.Path)), location))
}

// Workspace returns the workspace that the response redirects to, or "" if there is none.
func (r Response) Workspace() path.Workspace {
	return path.Workspace(workspaceIn(r.Header.Get("Location")))
}

// Location returns where the response redirects to, without the workspace if it is that of the request.
func (r Response) Location() string {
	location := r.Header.Get("Location")
	if id := workspaceIn(location); id != "" && id == workspaceIn(r.request.URL.Path) {
		return path.Workspace("").Page(location)
	}
	return location
}

// WantHeader fails the test unless the response has a header with the given value.
func (r Response) WantHeader(t testing.TB, name, value string) {
	t.Helper()
	modelstest.Equal(t, r.name()+": "+name, r.Header.Get(name), value)
}

func (r Response) name() string {
	if r.request == nil {
		return "response"
	}
	return r.request.Method + " " + r.request.URL.RequestURI()
}

// JSON decodes the body into out.
func (r Response) JSON(t testing.TB, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), out); err != nil {
		t.Fatalf("decode body: %v\n%s", err, r.Body)
	}
}

// ErrorType returns the type of the error in the body, or "" if there is none.
func (r Response) ErrorType(t testing.TB) string {
	t.Helper()
	var body struct {
		Error struct{ Type string }
	}
	r.JSON(t, &body)
	return body.Error.Type
}

// Cookie returns the cookie that the response sets, or fails the test.
func (r Response) Cookie(t testing.TB, name string) *http.Cookie {
	t.Helper()
	set := http.Response{Header: r.Header}
	for _, cookie := range set.Cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	t.Fatalf("no cookie %s in %v", name, r.Header.Values("Set-Cookie"))
	return nil
}

// Send sends a request and reads the response.
func Send(t testing.TB, client *http.Client, request *http.Request) Response {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{Status: response.StatusCode, Header: response.Header, Body: string(body), request: request}
}
