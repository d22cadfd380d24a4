package usage

import "strings"

// OtherRoutes is the name under which requests are counted once there are too many routes.
const OtherRoutes = "other"

// MaxRoutes is the number of routes of a workspace that requests and remote nodes can introduce in a process.
// Further ones are counted as OtherRoutes.
const MaxRoutes = 500

// Bounds of the names that AppendRoute returns.
const (
	maxSegments     = 12
	maxSegment      = 40
	maxFinalDigits  = 2
	maxMethodLength = 16
)

// AppendRoute appends a name such as "GET /orders/:id" for a request to an API whose routes aren't known,
// given its method and its path, which may be followed by a query. Segments of the path that look like
// IDs, dates, or tokens become ":id", so that requests for different resources are counted together and
// no secret becomes part of the name: a segment is kept if it consists of letters, dots, hyphens, and
// underscores, and ends in at most two digits.
func AppendRoute(name []byte, method, path string) []byte {
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	name = append(append(name, methodName(method)...), ' ')
	segments := 0
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" {
			continue
		}
		if segments++; segments > maxSegments {
			name = append(name, "/…"...)
			break
		}
		name = append(name, '/')
		if isName(segment) {
			name = append(name, segment...)
		} else {
			name = append(name, ":id"...)
		}
	}
	if segments == 0 {
		name = append(name, '/')
	}
	return name
}

// methodName returns a method in upper case, or "OTHER" if it isn't a short word.
func methodName(method string) string {
	if method == "" || len(method) > maxMethodLength || strings.ContainsFunc(method, func(r rune) bool { return !isLetter(byte(r)) || r > 'z' }) {
		return "OTHER"
	}
	return strings.ToUpper(method)
}

// isName reports whether a segment of a path is probably the same in all requests to a route.
func isName(segment string) bool {
	if len(segment) > maxSegment {
		return false
	}
	word := strings.TrimRight(segment, "0123456789")
	if word == "" || len(segment)-len(word) > maxFinalDigits {
		return false
	}
	for i := range len(word) {
		if b := word[i]; !isLetter(b) && b != '.' && b != '-' && b != '_' {
			return false
		}
	}
	return true
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
