package email

// letter is the content of an email with at most one link.
type letter struct {
	subject, name string
	purpose       string
	action, link  string // label of the button and its URL; empty if there is no link
	limits        string // of the link; may be empty
	advice        string
}

func (l letter) text() string {
	text := greetingOf(l.name) + "\n\n" + l.purpose + "\n\n"
	for _, part := range []string{l.link, l.limits, l.advice} {
		if part != "" {
			text += part + "\n\n"
		}
	}
	return text[:len(text)-1]
}
