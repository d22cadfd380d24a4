package webhook

import "time"

// OnAnyPort allows any port.
func (o Options) OnAnyPort() Options {
	o.anyPort = true
	return o
}

// WithGrace sets the grace period.
func (o Options) WithGrace(grace time.Duration) Options {
	o.grace = grace
	return o
}
