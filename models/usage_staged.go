package models

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/oklog/ulid/v2"

	"github.com/skipup/keys/models/usage"
)

// usageBatch is usage that a node of version 11 of the schema or earlier has staged. Only this file
// uses it.
type usageBatch struct {
	ID        string
	Body      []byte
	FoldedAt  *time.Time
	CreatedAt time.Time
}

// addStagedUsage adds the usage that nodes of earlier versions have staged and not added before they
// were stopped.
func (s *Store) addStagedUsage(ctx context.Context) error {
	var ids []string
	if err := s.with(ctx).Model(&usageBatch{}).Where("folded_at IS NULL").Order("created_at, id").Pluck("id", &ids).Error; err != nil {
		return fmt.Errorf("look for staged usage: %w", err)
	}
	for _, id := range ids {
		if err := s.Tx(ctx, func(tx *Store) error { return tx.addStagedBatch(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}

// addStagedBatch adds a batch unless another node has added it. A batch that can't be decoded keeps
// its body.
func (s *Store) addStagedBatch(ctx context.Context, id string) error {
	update := s.with(ctx).Model(&usageBatch{}).Where("id = ? AND folded_at IS NULL", id).UpdateColumn("folded_at", s.now())
	if update.Error != nil || update.RowsAffected == 0 {
		return update.Error
	}
	var batch usageBatch
	if err := s.with(ctx).Select("id, body").Where("id = ?", id).Take(&batch).Error; err != nil {
		return fmt.Errorf("read staged usage: %w", err)
	}
	counts, err := decodeStaged(batch)
	if err != nil {
		s.log.ErrorContext(ctx, "cannot decode staged usage; its requests are not counted", slog.String("batch", id), slog.Any("error", err))
		return nil
	}
	if err := s.AddUsage(ctx, counts); err != nil {
		return err
	}
	return s.with(ctx).Model(&usageBatch{}).Where("id = ?", id).UpdateColumn("body", []byte{}).Error
}

// stagedBody is the body of a batch. Each tally is the ID of a key and eight numbers in the
// variable-length encoding of encoding/binary.
type stagedBody struct {
	Routes, Callers [][2]string
	Workspaces      []ulid.ULID
	Refusals        []usage.Rejection
	From            int64 // milliseconds since 1970
	Tallies         []byte
}

var errStaged = errors.New("the tallies are incomplete")

func decodeStaged(batch usageBatch) (usage.Counts, error) {
	counts := usage.Counts{ID: batch.ID}
	var body stagedBody
	if err := cbor.Unmarshal(batch.Body, &body); err != nil {
		return counts, err
	}
	for rest := body.Tallies; len(rest) > 0; {
		var key ulid.ULID
		if len(rest) < len(key) {
			return counts, errStaged
		}
		rest = rest[copy(key[:], rest):]
		var n [8]uint64
		for i := range n {
			number, size := binary.Uvarint(rest)
			if size <= 0 {
				return counts, errStaged
			}
			n[i], rest = number, rest[size:]
		}
		route, caller := at(body.Routes, n[1]), at(body.Callers, n[2])
		first := time.UnixMilli(body.From + int64(n[6])).UTC()
		counts.Rows = append(counts.Rows, usage.Count{
			APIKeyID: "key_" + key.String(), WorkspaceID: "ws_" + at(body.Workspaces, n[0]).String(), StartsAt: usage.Hourly.Start(first),
			Route: route[0], Scope: route[1], StatusClass: int(n[3]), Rejection: at(body.Refusals, n[4]), Requests: int64(n[5]),
			Caller: usage.Caller{Address: caller[0], UserAgent: caller[1]}, First: first, Last: first.Add(time.Duration(n[7]) * time.Millisecond),
		})
	}
	return counts, nil
}

// at returns an element of list, or the zero value if there is none.
func at[T any](list []T, i uint64) (one T) {
	if i < uint64(len(list)) {
		one = list[i]
	}
	return one
}
