package handlerstest

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// Response is a response of the server, read in full.
type Response struct {
	Status int
	Header http.Header
	Body   string
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
	return Response{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}
