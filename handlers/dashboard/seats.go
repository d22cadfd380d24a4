package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/seats"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/views/viewer"
	"github.com/skipup/keys/web"
)

// seatsHandler serves Settings > Seats.
type seatsHandler struct{ store *models.Store }

func (h seatsHandler) list(c echo.Context) error {
	query, err := ui.ParseListQuery(in(c).Seats(), c.QueryParams())
	if err != nil {
		return err
	}
	list, err := h.store.SeatList(c.Request().Context(), web.CallerOf(c).WorkspaceID,
		models.SeatListFilter{Search: query.Search(), PageNumber: query.Page(), PageSize: query.PageSize()})
	if err != nil {
		return err
	}
	page := seats.ListPage{Query: query, List: list}
	if last := page.Pages().Last; query.Page() > last {
		return web.Redirect(c, query.OnPage(last).URL())
	}
	return web.Render(c, http.StatusOK, seats.List(page))
}

// assignForm is the form that assigns a seat.
type assignForm struct {
	MemberID string `form:"member_id"`
}

// assign assigns a seat to one of the members who match the search in the URL.
func (h seatsHandler) assign() change[struct{}, assignForm] {
	return change[struct{}, assignForm]{
		show: func(c echo.Context, status int, _ struct{}, form assignForm, r rejection) error {
			ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
			page := seats.AssignPage{Search: c.QueryParam("q"), MemberID: cmp.Or(form.MemberID, c.QueryParam("member_id")), Errors: r.fields, Message: r.message}
			var err error
			if page.Members, page.Matching, err = h.store.MembersWithoutSeat(ctx, workspaceID, page.Search, page.MemberID, seats.Candidates); err != nil {
				return err
			}
			if page.Usage, err = h.store.SeatUsage(ctx, workspaceID); err != nil {
				return err
			}
			return web.Render(c, status, seats.Assign(page))
		},
		apply: func(c echo.Context, form assignForm) (next, error) {
			seat, err := h.store.AssignSeat(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.MemberID)
			if err != nil {
				return next{}, err
			}
			return toSeats(c, "Assigned a seat to "+ui.Isolate(seat.Member.DisplayName())), nil
		},
	}
}

// release releases a seat. It is not an error if someone else has just released it.
func (h seatsHandler) release() change[*models.Seat, struct{}] {
	return change[*models.Seat, struct{}]{
		subject: h.seat,
		show: func(c echo.Context, status int, seat *models.Seat, _ struct{}, r rejection) error {
			return web.Render(c, status, seats.Release(seats.ReleasePage{Seat: seat, Message: r.message}))
		},
		apply: func(c echo.Context, _ struct{}) (next, error) {
			seat, err := h.seat(c)
			if err == nil {
				err = h.store.ReleaseSeat(c.Request().Context(), seat.WorkspaceID, seat.ID)
			}
			switch {
			case models.IsKind(err, models.NotFound):
				return toSeats(c, "That seat was already released"), nil
			case err != nil:
				return next{}, err
			}
			return toSeats(c, viewer.Notice{
				Text: "Released " + ui.Isolate(seat.Member.DisplayName()) + "’s seat",
				Undo: in(c).Seats() + "?" + url.Values{"member_id": {seat.MemberID}}.Encode(),
			}.String()), nil
		},
	}
}

// seat returns the seat in the URL.
func (h seatsHandler) seat(c echo.Context) (*models.Seat, error) {
	return h.store.Seat(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
}

// capacityForm is the form that changes the number of seats.
type capacityForm struct {
	Capacity string `form:"capacity"`
}

func (h seatsHandler) capacity() change[models.SeatUsage, capacityForm] {
	return change[models.SeatUsage, capacityForm]{
		subject: func(c echo.Context) (models.SeatUsage, error) {
			return h.store.SeatUsage(c.Request().Context(), web.CallerOf(c).WorkspaceID)
		},
		form: func(usage models.SeatUsage) capacityForm { return capacityForm{strconv.Itoa(usage.Capacity)} },
		show: func(c echo.Context, status int, usage models.SeatUsage, form capacityForm, r rejection) error {
			return web.Render(c, status, seats.Capacity(seats.CapacityPage{Capacity: form.Capacity, Usage: usage, Errors: r.fields, Message: r.message}))
		},
		apply: func(c echo.Context, form capacityForm) (next, error) {
			capacity, err := strconv.Atoi(strings.TrimSpace(form.Capacity))
			if err != nil {
				capacity = -1 // which the Store rejects
			}
			_, err = h.store.SetSeatCapacity(c.Request().Context(), web.CallerOf(c).WorkspaceID, capacity)
			return toSeats(c, "Seats updated"), err
		},
	}
}

// toSeats leads to the list of seats.
func toSeats(c echo.Context, notice string) next { return next{notice, listURL(c, in(c).Seats())} }
