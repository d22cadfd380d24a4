package api

import (
	"context"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// seats handles /seats.
type seats struct{ store *models.Store }

// capacity is the number of seats in total, in use and available.
type capacity struct {
	Capacity  int `json:"capacity"`
	Used      int `json:"used"`
	Available int `json:"available"`
}

func capacityOf(usage models.SeatUsage) capacity {
	return capacity{Capacity: usage.Capacity, Used: usage.Used, Available: usage.Available()}
}

type seatsMeta struct {
	meta
	capacity
}

// list returns a page of the assigned seats, with the totals in meta.
func (h seats) list(ctx context.Context, caller web.Caller, in PageQuery) (listEnvelope[wire.Seat, seatsMeta], error) {
	var none listEnvelope[wire.Seat, seatsMeta]
	paging, err := in.page()
	if err != nil {
		return none, err
	}
	rows, err := h.store.Seats(ctx, caller.WorkspaceID, paging)
	if err != nil {
		return none, err
	}
	usage, err := h.store.SeatUsage(ctx, caller.WorkspaceID)
	if err != nil {
		return none, err
	}
	page := wirePage(rows, (*models.Seat).Wire)
	return listEnvelope[wire.Seat, seatsMeta]{Data: page.Items, Meta: seatsMeta{metaOf(page), capacityOf(usage)}}, nil
}

type newSeat struct {
	MemberID string `json:"member_id"`
}

func (h seats) create(ctx context.Context, caller web.Caller, in newSeat) (wire.Seat, error) {
	return wireOf(h.store.AssignSeat(ctx, caller.WorkspaceID, in.MemberID))
}

func (h seats) delete(ctx context.Context, caller web.Caller, in byID) (nothing, error) {
	return nothing{}, h.store.ReleaseSeat(ctx, caller.WorkspaceID, in.ID)
}

type newCapacity struct {
	Capacity *int `json:"capacity"`
}

func (h seats) update(ctx context.Context, caller web.Caller, in newCapacity) (capacity, error) {
	if in.Capacity == nil {
		return capacity{}, invalid("capacity", "is required")
	}
	usage, err := h.store.SetSeatCapacity(ctx, caller.WorkspaceID, *in.Capacity)
	return capacityOf(usage), err
}
