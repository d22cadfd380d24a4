package ui

import "strings"

// Device says in short words what a User-Agent header stands for: "Chrome on macOS",
// "curl 8.5.0". What it does not know it gives back as it came, up to the first space.
func Device(userAgent string) string {
	if userAgent == "" {
		return "Unknown client"
	}
	if !strings.HasPrefix(userAgent, "Mozilla/") {
		product, _, _ := strings.Cut(userAgent, " ")
		name, version, _ := strings.Cut(product, "/")
		return strings.TrimSpace(name + " " + version)
	}
	browser, system := firstIn(userAgent, browsers), firstIn(userAgent, systems)
	switch {
	case browser == "" && system == "":
		return "A browser"
	case system == "":
		return browser
	case browser == "":
		return "A browser on " + system
	}
	return browser + " on " + system
}

// The order matters: most browsers also claim to be those they descend from.
var (
	browsers = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi", "Vivaldi"}, {"SamsungBrowser", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS", "Firefox"}, {"CriOS", "Chrome"}, {"Chrom", "Chrome"}, {"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	}
)

func firstIn(userAgent string, known [][2]string) string {
	for _, pair := range known {
		if strings.Contains(userAgent, pair[0]) {
			return pair[1]
		}
	}
	return ""
}
