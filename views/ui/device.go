package ui

import (
	"strings"

	"github.com/mileusna/useragent"
)

// saysMore reports whether a User-Agent header says more than its short description.
func saysMore(userAgent, short string) bool {
	return userAgent != "" && strings.Replace(userAgent, "/", " ", 1) != short
}

// Device returns a short description of a User-Agent header, such as "Chrome on macOS" or "curl 8.5.0".
func Device(userAgent string) string {
	if userAgent == "" {
		return "Unknown client"
	}
	if !strings.HasPrefix(userAgent, "Mozilla/") {
		product, _, _ := strings.Cut(userAgent, " ")
		name, version, _ := strings.Cut(product, "/")
		return strings.TrimSpace(name + " " + version)
	}
	agent := useragent.Parse(userAgent)
	if agent.Name == "" || strings.HasPrefix(agent.Name, "Mozilla") {
		agent.Name = "Browser"
	}
	switch {
	case agent.Device == "iPhone" || agent.Device == "iPad":
		return agent.Name + " on " + agent.Device
	case agent.OS == "":
		return agent.Name
	}
	return agent.Name + " on " + agent.OS
}
