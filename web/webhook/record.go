package webhook

import (
	"context"
	"errors"

	"github.com/skipup/keys/models"
)

// record records finished attempts and reports whether it recorded any.
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
		// Recording one at a time keeps an attempt that the database rejects from blocking the others.
		failed := make([]error, len(ended))
		for i := range ended {
			failed[i] = w.write(ctx, ended[i:i+1])
		}
		err = errors.Join(failed...)
		w.free(ended)
	default:
		w.free(ended)
	}
	w.recording.Report(w.log, "record webhook deliveries", err)
	return err == nil
}

func (w *Worker) write(ctx context.Context, ended []outcome) error {
	var attempts []models.WebhookAttempt
	var back []*models.ClaimedDelivery
	for i := range ended {
		if ended[i].canceled {
			back = append(back, ended[i].attempt.Delivery)
		} else {
			attempts = append(attempts, ended[i].attempt)
		}
	}
	ctx, cancel := databaseContext(ctx)
	defer cancel()
	if err := w.store.RecordAttempts(ctx, attempts); err != nil {
		return err
	}
	return w.store.ReleaseDeliveries(ctx, back)
}

// split separates outcomes whose claim has expired from those that can still be recorded.
func (w *Worker) split(ended []outcome) (expired, claimed []outcome) {
	oldest := w.store.Now().Add(-models.WebhookClaim)
	for _, o := range ended {
		if o.attempt.At.Before(oldest) {
			expired = append(expired, o)
		} else {
			claimed = append(claimed, o)
		}
	}
	return expired, claimed
}

// keep keeps outcomes, to record them with the next ones.
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
