package main

import (
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/skipup/keys/models"
)

// unit is what the progress of a command counts.
type unit bool

const (
	countItems unit = false
	countBytes unit = true
)

// progress returns a function that shows the progress of a command on a terminal, and one that removes it, at
// the end or before other output. If standard error isn't a terminal, they do nothing.
func (p *program) progress(counted unit) (show models.Progress, end func()) {
	if _, terminal := terminalOf(p.stderr); !terminal {
		return func(string, int64, int64) {}, func() {}
	}
	var (
		bar     *progressbar.ProgressBar
		current string
	)
	end = func() {
		if bar != nil {
			_ = bar.Clear() // the result matters, not the bar
		}
	}
	show = func(step string, done, total int64) {
		if step != current {
			end()
			current, bar = step, p.newBar(step, total, counted)
		}
		if done > bar.GetMax64() {
			bar.ChangeMax64(done) // the total was an estimate
		}
		_ = bar.Set64(done)
	}
	return show, end
}

func (p *program) newBar(step string, total int64, counted unit) *progressbar.ProgressBar {
	return progressbar.NewOptions64(max(1, total),
		progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetDescription(step), progressbar.OptionShowBytes(bool(counted)), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish())
}
