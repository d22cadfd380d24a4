// Package outage logs the beginning and the end of a series of failures, instead of each failure.
package outage

import "log/slog"

// Log follows a task that is repeated, such as "send email". The zero value is a task that works.
type Log struct{ failing bool }

// Report logs err if the task worked before, and its recovery if it failed before.
func (l *Log) Report(log *slog.Logger, task string, err error) {
	switch {
	case err != nil && !l.failing:
		log.Error("failed to "+task+"; retrying", slog.Any("error", err))
	case err == nil && l.failing:
		log.Info("recovered: " + task)
	}
	l.failing = err != nil
}
