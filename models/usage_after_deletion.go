package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/skipup/keys/models/usage"
)

// publishRejectedAfterDeletion publishes an event for each deleted key in counts, which have been added, if
// they have the first requests with it in a day. The keys' rows are locked, so that only one of several nodes
// finds that the requests in the database are its own. It adds to learned what the Store may remember as
// stored.
func (s *Store) publishRejectedAfterDeletion(ctx context.Context, counts []usage.Count, learned memories) error {
	rejected := slices.DeleteFunc(slices.Clone(counts), func(c usage.Count) bool { return c.Rejection != usage.RejectedDeleted })
	requests := map[keyDay]int64{}
	for _, c := range rejected {
		requests[keyDay{c.APIKeyID, usage.Daily.Start(c.StartsAt)}] += c.Requests
	}
	for in, added := range requests {
		id := s.stored.id(in.key, in.day.Format(time.DateOnly), "rejected after deletion")
		if _, known := s.stored.recall(id); known {
			continue
		}
		learned[id] = ownSlot
		var stored int64
		err := s.with(ctx).Table(periodTables[usage.Daily]).Where("api_key_id = ? AND starts_at = ? AND refusal = ?", in.key, in.day, usage.RejectedDeleted).
			Select("coalesce(sum(requests), 0)").Scan(&stored).Error
		if err != nil {
			return fmt.Errorf("count requests after deletion: %w", err)
		}
		if stored != added {
			continue
		}
		key, err := s.takeAPIKey(ctx, "id = ? AND deleted_at IS NOT NULL", in.key)
		if IsKind(err, NotFound) {
			continue
		}
		if err == nil {
			err = s.publishKey(ctx, APIKeyRejectedAfterDeletionEvent, key)
		}
		if err != nil {
			return err
		}
		s.notifyManagers(asSystem(ctx), KeyRejectedNotice, key)
	}
	return nil
}

// keyDay is a day, by UTC, in which a key was used.
type keyDay struct {
	key string
	day time.Time
}
