package dashboard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoUntruePromises checks that no text promises what the server doesn't do: it arranges no meetings
// and sends no messages to participants, and seats restrict nothing.
func TestNoUntruePromises(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../views/*/*.templ", "../../views/*/*.go", "../../static/openapi.yaml", "../../docs/*.md", "../../README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("files like %s: %v, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, promise := range []string{"take part in scheduling", "and notify the participants:", "Set `notify` to notify", "added to calendars", "scheduling happens asynchronously", "ends as booked"} {
			if strings.Contains(string(text), promise) {
				t.Errorf("%s promises %q", file, promise)
			}
		}
	}
}
