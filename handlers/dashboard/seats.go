package dashboard

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/seats"
	"github.com/skipup/keys/views/ui"
	"github.com/skipup/keys/web"
)

// seatsHandler serves Settings > Seats.
type seatsHandler struct{ store *models.Store }

func (h seatsHandler) list(c echo.Context) error {
	query, err := ui.ParseListQuery(path.Seats, c.QueryParams())
	if err != nil {
		return err
	}
	list, err := h.store.SeatList(c.Request().Context(), web.CallerOf(c).WorkspaceID,
		models.SeatListFilter{Search: query.Search(), PageNumber: query.Page(), PageSize: seats.PageSize})
	if err != nil {
		return err
	}
	page := seats.ListPage{Query: query, List: list}
	if last := page.Pages().Last; query.Page() > last {
		return web.Redirect(c, query.OnPage(last).URL())
	}
	return web.Render(c, http.StatusOK, seats.List(page))
}

// new renders the members who can be assigned a seat.
func (h seatsHandler) new(c echo.Context) error {
	return h.candidates(c, http.StatusOK, seats.AssignPage{Search: c.QueryParam("q")})
}

// candidates completes page with the members to select from and renders it.
func (h seatsHandler) candidates(c echo.Context, status int, page seats.AssignPage) error {
	ctx, workspaceID := c.Request().Context(), web.CallerOf(c).WorkspaceID
	var err error
	if page.Members, page.Matching, err = h.store.MembersWithoutSeat(ctx, workspaceID, page.Search, seats.Candidates); err != nil {
		return err
	}
	if page.Usage, err = h.store.SeatUsage(ctx, workspaceID); err != nil {
		return err
	}
	return web.Render(c, status, seats.Assign(page))
}

func (h seatsHandler) assign(c echo.Context) error {
	var form struct {
		MemberID string `form:"member_id"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	seat, err := h.store.AssignSeat(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.MemberID)
	if invalid := formError(err); invalid != nil {
		page := seats.AssignPage{MemberID: form.MemberID}
		page.Errors, page.Message = formErrors(invalid)
		return h.candidates(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	return h.done(c, "Assigned a seat to "+seat.Member.DisplayName())
}

// release releases a seat. It is not an error if someone else has just released it.
func (h seatsHandler) release(c echo.Context) error {
	ctx, workspaceID, id := c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id")
	seat, err := h.store.Seat(ctx, workspaceID, id)
	if err == nil {
		err = h.store.ReleaseSeat(ctx, workspaceID, id)
	}
	switch {
	case models.IsKind(err, models.NotFound):
		return h.done(c, "That seat was already released")
	case err != nil:
		return err
	}
	return h.done(c, "Released "+seat.Member.DisplayName()+"’s seat")
}

func (h seatsHandler) editCapacity(c echo.Context) error {
	return h.capacity(c, http.StatusOK, seats.CapacityForm{})
}

// capacity completes form with the number of seats and renders it.
func (h seatsHandler) capacity(c echo.Context, status int, form seats.CapacityForm) error {
	usage, err := h.store.SeatUsage(c.Request().Context(), web.CallerOf(c).WorkspaceID)
	if err != nil {
		return err
	}
	form.Usage = usage
	if status == http.StatusOK {
		form.Capacity = strconv.Itoa(usage.Capacity)
	}
	return web.Render(c, status, seats.Capacity(form))
}

func (h seatsHandler) setCapacity(c echo.Context) error {
	var form struct {
		Capacity string `form:"capacity"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	capacity, err := strconv.Atoi(strings.TrimSpace(form.Capacity))
	if err != nil {
		capacity = -1 // which the Store rejects
	}
	_, err = h.store.SetSeatCapacity(c.Request().Context(), web.CallerOf(c).WorkspaceID, capacity)
	if invalid := formError(err); invalid != nil {
		page := seats.CapacityForm{Capacity: form.Capacity}
		page.Errors, page.Message = formErrors(invalid)
		return h.capacity(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	return h.done(c, "Seats updated")
}

// done redirects to the list with a notice.
func (h seatsHandler) done(c echo.Context, notice string) error {
	return redirectWithNotice(c, listURL(c, path.Seats), notice)
}
