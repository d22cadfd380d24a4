package dashboard

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/seats"
	"github.com/skipup/keys/web"
)

// places is Settings > Seats.
type places struct{ store *models.Store }

func (h places) list(c echo.Context) error {
	var query seats.Query
	if err := (&echo.DefaultBinder{}).BindQueryParams(c, &query); err != nil {
		return err
	}
	query.Page = max(query.Page, 1)
	list, err := h.store.SeatList(c.Request().Context(), web.CallerOf(c).WorkspaceID,
		models.SeatListFilter{Search: query.Search, PageNumber: query.Page, PageSize: seats.PageSize})
	if err != nil {
		return err
	}
	page := seats.ListPage{Query: query, List: list}
	if query.Page > page.Pages() {
		query.Page = page.Pages()
		return web.Redirect(c, query.Address())
	}
	return web.Render(c, http.StatusOK, seats.List(page))
}

// ask shows who may get a seat.
func (h places) ask(c echo.Context) error {
	return h.choose(c, http.StatusOK, seats.AssignPage{Search: c.QueryParam("q")})
}

// choose adds to page the people to choose from and shows it.
func (h places) choose(c echo.Context, status int, page seats.AssignPage) error {
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

func (h places) assign(c echo.Context) error {
	var form struct {
		MemberID string `form:"member_id"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	seat, err := h.store.AssignSeat(c.Request().Context(), web.CallerOf(c).WorkspaceID, form.MemberID)
	if refused := refusalOf(err); refused != nil {
		page := seats.AssignPage{MemberID: form.MemberID}
		page.Complaints, page.Error = complaints(refused)
		return h.choose(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	return h.done(c, seat.Member.DisplayName()+" has a seat now.")
}

// release frees a seat. One that somebody else has released meanwhile is free all the same.
func (h places) release(c echo.Context) error {
	err := h.store.ReleaseSeat(c.Request().Context(), web.CallerOf(c).WorkspaceID, c.Param("id"))
	switch {
	case models.IsKind(err, models.NotFound):
		return h.done(c, "That seat is free already.")
	case err != nil:
		return err
	}
	return h.done(c, "The seat is free.")
}

func (h places) askCapacity(c echo.Context) error {
	return h.capacity(c, http.StatusOK, seats.CapacityForm{})
}

// capacity adds the use to form, and the present capacity where none was typed, and shows it.
func (h places) capacity(c echo.Context, status int, form seats.CapacityForm) error {
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

func (h places) setCapacity(c echo.Context) error {
	var form struct {
		Capacity string `form:"capacity"`
	}
	if err := web.BindForm(c, &form); err != nil {
		return err
	}
	wanted, err := strconv.Atoi(strings.TrimSpace(form.Capacity))
	if err != nil {
		wanted = -1 // which the Store complains about like about any other number that is none
	}
	_, err = h.store.SetSeatCapacity(c.Request().Context(), web.CallerOf(c).WorkspaceID, wanted)
	if refused := refusalOf(err); refused != nil {
		shown := seats.CapacityForm{Capacity: form.Capacity}
		shown.Errors, shown.Error = complaints(refused)
		return h.capacity(c, http.StatusUnprocessableEntity, shown)
	}
	if err != nil {
		return err
	}
	return h.done(c, "The capacity is saved.")
}

// done goes back to the list, as it was, with a notice.
func (h places) done(c echo.Context, notice string) error {
	return doneAt(c, listAddress(c, path.Seats), notice)
}
