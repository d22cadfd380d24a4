package webhook

import (
	"context"
	"errors"

	"github.com/skipup/keys/models"
)

// record writes down what has ended, and reports whether anything has.
func (w *Worker) record(ctx context.Context) bool {
	w.mu.Lock()
	ended := w.ended
	w.ended = nil
	w.mu.Unlock()
	if len(ended) == 0 {
		return false
	}
	err := w.write(ctx, ended)
	switch {
	case models.IsUnavailable(err):
		ended, kept := w.split(ended)
		w.keep(kept)
		w.free(ended)
	case err != nil && len(ended) > 1:
		// One of them may be what the database does not take: the others shall not wait for it.
		failed := make([]error, len(ended))
		for i := range ended {
			failed[i] = w.write(ctx, ended[i:i+1])
		}
		err = errors.Join(failed...)
		w.free(ended)
	default:
		w.free(ended)
	}
	w.recording.report(w.log, "written down", err)
	return err == nil
}

func (w *Worker) write(ctx context.Context, ended []outcome) error {
	var attempts []models.WebhookAttempt
	var back []*models.ClaimedDelivery
	for i := range ended {
		if ended[i].brokenOff {
			back = append(back, ended[i].attempt.Delivery)
		} else {
			attempts = append(attempts, ended[i].attempt)
		}
	}
	ctx, cancel := w.visit(ctx)
	defer cancel()
	if err := w.store.RecordAttempts(ctx, attempts); err != nil {
		return err
	}
	return w.store.ReleaseDeliveries(ctx, back)
}

// split tells what can still be written down from what somebody else may have claimed by now.
func (w *Worker) split(ended []outcome) (over, young []outcome) {
	oldest := w.store.Now().Add(-models.WebhookClaim)
	for _, o := range ended {
		if o.attempt.At.Before(oldest) {
			over = append(over, o)
		} else {
			young = append(young, o)
		}
	}
	return over, young
}

// keep has outcomes written down with the next.
func (w *Worker) keep(outcomes []outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(outcomes, w.ended...)
}

func (w *Worker) free(ended []outcome) {
	for i := range ended {
		w.slots.free(ended[i].attempt.Delivery, ended[i].attempt.Failure)
	}
}
