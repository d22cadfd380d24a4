package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/skipup/keys/models/wire"
)

const (
	// DefaultSeatCapacity is the seat capacity of a new workspace.
	DefaultSeatCapacity = 10
	// MaxSeatCapacity is high enough for anyone, and low enough to catch typing errors.
	MaxSeatCapacity = 100_000
)

// Seat is a license that a member holds. The workspace's capacity limits the number of seats.
type Seat struct {
	ID          string
	WorkspaceID string
	MemberID    string
	Member      Member
	AssignedAt  time.Time
}

// Wire returns the seat as the API and events show it. The member and its user must be loaded.
func (seat *Seat) Wire() wire.Seat {
	return wire.Seat{
		ID: seat.ID, MemberID: seat.MemberID, MemberEmail: seat.Member.User.Email, AssignedAt: wire.Timestamp(seat.AssignedAt),
	}
}

func (seat *Seat) target() target { return target{"seat", seat.ID, seat.Member.DisplayName()} }

// SeatUsage holds the number of seats that a workspace has and how many are in use.
type SeatUsage struct{ Capacity, Used int }

// Available returns the number of free seats.
func (u SeatUsage) Available() int { return u.Capacity - u.Used }

// SeatUsage returns the number of seats in a workspace.
func (s *Store) SeatUsage(ctx context.Context, workspaceID string) (SeatUsage, error) {
	workspace, err := s.Workspace(ctx, workspaceID)
	if err != nil {
		return SeatUsage{}, err
	}
	return s.countSeats(ctx, workspace)
}

func (s *Store) countSeats(ctx context.Context, workspace *Workspace) (SeatUsage, error) {
	var used int64
	if err := s.with(ctx).Model(&Seat{}).Where("workspace_id = ?", workspace.ID).Count(&used).Error; err != nil {
		return SeatUsage{}, fmt.Errorf("count seats: %w", err)
	}
	return SeatUsage{Capacity: workspace.SeatCapacity, Used: int(used)}, nil
}

// Seats returns the assigned seats of a workspace, the most recently assigned first.
func (s *Store) Seats(ctx context.Context, workspaceID string, page Page) (Paged[Seat], error) {
	list := listing{"seats", workspaceID}
	query, err := list.after(s.with(ctx).Preload("Member.User").Where("seats.workspace_id = ?", workspaceID), "seats.id", &page)
	if err != nil {
		return Paged[Seat]{}, err
	}
	var seats []Seat
	if err := query.Find(&seats).Error; err != nil {
		return Paged[Seat]{}, fmt.Errorf("read seats: %w", err)
	}
	return paged(list, page, seats, func(seat *Seat) string { return seat.ID }), nil
}

// AssignSeat assigns a seat to a member. It returns FailedPrecondition if no seat is free, or if
// the member is deactivated or already has a seat, and Invalid if there is no such member.
func (s *Store) AssignSeat(ctx context.Context, workspaceID, memberID string) (*Seat, error) {
	if memberID == "" {
		return nil, Fields{"member_id": "is required"}.err()
	}
	var seat *Seat
	err := s.Tx(ctx, func(tx *Store) error {
		workspace, err := tx.lockWorkspace(ctx, workspaceID)
		if err != nil {
			return err
		}
		member, err := tx.memberForSeat(ctx, workspaceID, memberID)
		if err != nil {
			return err
		}
		usage, err := tx.countSeats(ctx, workspace)
		if err != nil {
			return err
		}
		if usage.Available() <= 0 {
			return errNoFreeSeat(usage)
		}
		seat = &Seat{ID: tx.id("seat"), WorkspaceID: workspaceID, MemberID: memberID, Member: *member, AssignedAt: tx.now()}
		return tx.insertSeat(ctx, seat)
	})
	if err != nil {
		return nil, err
	}
	return seat, nil
}

func errNoFreeSeat(usage SeatUsage) error {
	switch usage.Capacity {
	case 0:
		return Errorf(FailedPrecondition, "This workspace has no seats. Add seats first.")
	case 1:
		return Errorf(FailedPrecondition, "The only seat is in use. Release it or add more.")
	}
	return Errorf(FailedPrecondition, "All %d seats are in use. Release a seat or add more.", usage.Capacity)
}

func errSeatsInUse(used, capacity int) error {
	inUse := "1 seat is in use."
	if used != 1 {
		inUse = fmt.Sprintf("%d seats are in use.", used)
	}
	return Errorf(FailedPrecondition, "%s Release seats before you reduce the total to %d.", inUse, capacity)
}

// memberForSeat returns an active member without a seat. The workspace must be locked.
func (s *Store) memberForSeat(ctx context.Context, workspaceID, memberID string) (*Member, error) {
	member, err := s.Member(ctx, workspaceID, memberID)
	if IsKind(err, NotFound) {
		return nil, Fields{"member_id": "must be the ID of a member of this workspace"}.err()
	}
	if err != nil {
		return nil, err
	}
	if member.DeactivatedAt != nil {
		return nil, Errorf(FailedPrecondition, "Deactivated members can't have a seat.")
	}
	var held int64
	if err := s.with(ctx).Model(&Seat{}).Where("member_id = ?", memberID).Count(&held).Error; err != nil {
		return nil, fmt.Errorf("count seats of member: %w", err)
	}
	if held > 0 {
		return nil, Errorf(FailedPrecondition, "This member already has a seat.")
	}
	return member, nil
}

func (s *Store) insertSeat(ctx context.Context, seat *Seat) error {
	if err := s.with(ctx).Omit(clause.Associations).Create(seat).Error; err != nil {
		return fmt.Errorf("insert seat: %w", err)
	}
	if err := s.publish(ctx, seat.WorkspaceID, SeatAssignedEvent, seat.Wire()); err != nil {
		return err
	}
	return s.audit(ctx, seat.WorkspaceID, "seat.assigned", seat.target(), map[string]string{"member_id": seat.MemberID})
}

// ReleaseSeat frees a seat of a workspace; NotFound if it is free already.
func (s *Store) ReleaseSeat(ctx context.Context, workspaceID, id string) error {
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.lockWorkspace(ctx, workspaceID); err != nil {
			return err
		}
		seat, err := tx.Seat(ctx, workspaceID, id)
		if err != nil {
			return err
		}
		return tx.release(ctx, seat)
	})
}

// release deletes a seat that was read while the workspace was locked.
func (s *Store) release(ctx context.Context, seat *Seat) error {
	deleted := s.with(ctx).Where("id = ?", seat.ID).Delete(&Seat{})
	if deleted.Error != nil {
		return fmt.Errorf("delete seat: %w", deleted.Error)
	}
	if deleted.RowsAffected == 0 {
		return notFound(gorm.ErrRecordNotFound, "seat")
	}
	if err := s.publish(ctx, seat.WorkspaceID, SeatReleasedEvent, seat.Wire()); err != nil {
		return err
	}
	return s.audit(ctx, seat.WorkspaceID, "seat.released", seat.target(), map[string]string{"member_id": seat.MemberID})
}

// releaseSeatOf releases the seat of a member who has one.
func (s *Store) releaseSeatOf(ctx context.Context, member *Member) error {
	var seat Seat
	err := s.with(ctx).Where("member_id = ?", member.ID).Take(&seat).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read seat of member: %w", err)
	}
	seat.Member = *member
	return s.release(ctx, &seat)
}

// SetSeatCapacity changes the number of seats in a workspace. It returns FailedPrecondition for
// fewer seats than are in use.
func (s *Store) SetSeatCapacity(ctx context.Context, workspaceID string, capacity int) (SeatUsage, error) {
	if capacity < 0 || capacity > MaxSeatCapacity {
		return SeatUsage{}, Fields{"capacity": fmt.Sprintf("must be a whole number from 0 to %d", MaxSeatCapacity)}.err()
	}
	var usage SeatUsage
	err := s.Tx(ctx, func(tx *Store) error {
		workspace, err := tx.lockWorkspace(ctx, workspaceID)
		if err != nil {
			return err
		}
		if usage, err = tx.countSeats(ctx, workspace); err != nil {
			return err
		}
		if capacity < usage.Used {
			return errSeatsInUse(usage.Used, capacity)
		}
		before := usage.Capacity
		usage.Capacity = capacity
		if before == capacity {
			return nil
		}
		if err := tx.with(ctx).Model(workspace).Where("id = ?", workspaceID).Update("seat_capacity", capacity).Error; err != nil {
			return fmt.Errorf("update seat capacity: %w", err)
		}
		return tx.audit(ctx, workspaceID, "workspace.seat_capacity_changed", target{"workspace", workspaceID, workspace.Name},
			map[string]string{"from": fmt.Sprint(before), "to": fmt.Sprint(capacity)})
	})
	return usage, err
}
