package handlerstest

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// Answer is what the server said.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// JSON decodes the body into out.
func (a Answer) JSON(t testing.TB, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), out); err != nil {
		t.Fatalf("body is not JSON: %v\n%s", err, a.Body)
	}
}

// ErrorType is the type in the body's error, empty if there is none.
func (a Answer) ErrorType(t testing.TB) string {
	t.Helper()
	var body struct {
		Error struct{ Type string }
	}
	a.JSON(t, &body)
	return body.Error.Type
}

// Cookie is the one that the answer sets.
func (a Answer) Cookie(t testing.TB, name string) *http.Cookie {
	t.Helper()
	response := http.Response{Header: a.Header}
	for _, cookie := range response.Cookies() {
		if cookie.Name == name {
			return cookie
		}
	}
	t.Fatalf("no cookie %s in %v", name, a.Header.Values("Set-Cookie"))
	return nil
}

// Send sends request and reads the whole answer.
func Send(t testing.TB, client *http.Client, request *http.Request) Answer {
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
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}
