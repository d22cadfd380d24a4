package docs

import (
	"strings"

	"github.com/a-h/templ"
)

// guide is a section of the guides.
type guide struct {
	slug, title string
	text        templ.Component
}

// guides lists the guides in order. A test runs every command in them and compares the output.
var guides = []guide{
	{"quickstart", "Quickstart", quickstart()},
	{"authentication", "Authentication", authentication()},
	{"scopes", "Scopes", scopes()},
	{"errors", "Errors", errors()},
	{"pagination", "Pagination", pagination()},
	{"idempotency", "Idempotency", idempotency()},
	{"rate-limits", "Rate limits", rateLimits()},
	{"webhooks", "Webhooks", webhooks()},
	{"rotation", "Rotation", rotation()},
	{"clients", "Generated clients", clients()},
	{"roles", "Roles", roles()},
}

// base returns the path that precedes that of every operation.
func base() string { return Reference()[0].Operations[0].Base }

// call returns the curl command for a path of the API. Additional options precede the path.
func call(server, path string, options ...string) string {
	parts := append([]string{"curl"}, options...)
	if strings.ContainsAny(path, "?&$") {
		path = `"` + server + base() + path + `"`
	} else {
		path = server + base() + path
	}
	return strings.Join(append(parts, path), " ") + " \\\n  -H \"Authorization: Bearer $SKIPUP_API_KEY\""
}

// send returns the curl command for a request with a body.
func send(server, path, body string, options ...string) string {
	return call(server, path, options...) + " \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + body + "'"
}

// errorResponses returns every error response of the API, one for each status.
func errorResponses() []Response {
	var responses []Response
	seen := map[string]bool{}
	for _, resource := range Reference() {
		for _, operation := range resource.Operations {
			for _, response := range operation.Errors {
				if !seen[response.Status] {
					seen[response.Status] = true
					responses = append(responses, response)
				}
			}
		}
	}
	responses = append(responses, Response{Status: "405", Types: []string{"method_not_allowed"}, About: "The path doesn’t support this method. `Allow` lists the methods it supports."})
	sortByStatus(responses)
	return responses
}
