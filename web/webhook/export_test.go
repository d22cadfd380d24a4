package webhook

import "time"

// OnAnyPort lets a sender that is not for development dial the ports that tests have.
func (o Options) OnAnyPort() Options {
	o.anyPort = true
	return o
}

// WithGrace changes what attempts are given to end.
func (o Options) WithGrace(grace time.Duration) Options {
	o.grace = grace
	return o
}
