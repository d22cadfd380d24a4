package api

import (
	"fmt"
	"strconv"

	"github.com/skipup/keys/models"
)

// PageQuery contains the query parameters of every list.
type PageQuery struct {
	Limit  string `query:"limit"`
	Cursor string `query:"cursor" empty:"allowed"` // for the first page
}

func (q PageQuery) page() (models.Page, error) {
	page := models.Page{Limit: models.DefaultPageLimit, Cursor: q.Cursor}
	if q.Limit == "" {
		return page, nil
	}
	limit, err := strconv.Atoi(q.Limit)
	if err != nil || limit < 1 || limit > models.MaxPageLimit {
		return page, invalid("limit", fmt.Sprintf("must be a whole number from 1 to %d", models.MaxPageLimit))
	}
	page.Limit = limit
	return page, nil
}
