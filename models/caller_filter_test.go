package models_test

import (
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
	"github.com/skipup/keys/models/usage"
)

func TestCallerFilter(t *testing.T) {
	callers := []models.APIKeyCaller{
		{Address: "203.0.113.7", UserAgent: "Acme-CRM/4.2 (linux)"},
		{Address: "203.0.113.70", UserAgent: "curl/8.5.0"},
		{Address: "2001:db8::1", UserAgent: "curl/8.5.0"},
		{Address: "203.0.113.7", Others: usage.CallersIn(usage.Caller{UserAgent: "wget"})},
		{Others: usage.UnknownCallers()},
	}
	for text, want := range map[string]string{
		"":                      "0 1 2 3 4",
		" \t":                   "0 1 2 3 4",
		"acme-crm":              "0",
		"ACME":                  "0",
		"CURL":                  "1 2",
		"curl 8.5":              "1 2",
		"curl 203.0":            "1",
		"203.0.113.7":           "0 1 3", // also the beginning of another
		"203.0.113.70":          "1",
		"113":                   "0 1 3",
		"203.0.113.0/26":        "0 3",
		"203.0.113.9/24 curl":   "1",
		"2001:DB8::/32":         "2",
		"2001:0db8:0:0:0:0:0:1": "2",
		"::ffff:203.0.113.70":   "1",
		"10.0.0.0/8":            "",
		"wget":                  "", // counted together with others
		"203.0.113.0/99":        "",
	} {
		filter := models.ParseCallerFilter(text)
		modelstest.Equal(t, "IsEmpty of "+text, filter.IsEmpty(), strings.TrimSpace(text) == "")
		var matching []string
		for i := range callers {
			if filter.Matches(&callers[i]) {
				matching = append(matching, string(rune('0'+i)))
			}
		}
		modelstest.Equal(t, "callers that match "+text, strings.Join(matching, " "), want)
	}
}
