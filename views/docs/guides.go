package docs

import (
	"strings"

	"github.com/a-h/templ"
)

// guide is a part of the page that explains the API.
type guide struct {
	slug, title string
	text        templ.Component
}

// guides are shown in this order. Each command in them is run by a test, which also compares
// what it prints.
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
}

// base is the path before that of every operation.
func base() string { return Reference()[0].Operations[0].Base }

// call is the command for a path of the API on the server at address, with a key. What is in
// more is put before the path.
func call(address, path string, more ...string) string {
	parts := append([]string{"curl"}, more...)
	if strings.ContainsAny(path, "?&$") {
		path = `"` + address + base() + path + `"`
	} else {
		path = address + base() + path
	}
	return strings.Join(append(parts, path), " ") + " \\\n  -H \"Authorization: Bearer $SKIPUP_API_KEY\""
}

// send is call with a body.
func send(address, path, body string, more ...string) string {
	return call(address, path, more...) + " \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + body + "'"
}

// refusals are all answers to requests that are refused: those of an operation that has them
// all, and what is answered where there is no operation.
func refusals() []Answer {
	var most []Answer
	seen := map[string]bool{}
	for _, resource := range Reference() {
		for _, operation := range resource.Operations {
			for _, refusal := range operation.Errors {
				if !seen[refusal.Status] {
					seen[refusal.Status] = true
					most = append(most, refusal)
				}
			}
		}
	}
	most = append(most, Answer{Status: "405", Types: []string{"method_not_allowed"}, About: "The path does not take this method; `Allow` lists those it takes."})
	sortByStatus(most)
	return most
}
