package api

import (
	"context"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// auditLog handles /audit_events.
type auditLog struct{ store *models.Store }

type auditQuery struct {
	PageQuery
	Actor         string `query:"actor"`
	Action        string `query:"action"`
	Target        string `query:"target"`
	CreatedAfter  string `query:"created_after"`
	CreatedBefore string `query:"created_before"`
}

// list returns a page of the audit log. Both bounds are inclusive and in whole seconds, like times in
// responses.
func (h auditLog) list(ctx context.Context, caller web.Caller, in auditQuery) (models.Paged[wire.AuditEvent], error) {
	paging, pageErr := in.page()
	after, afterErr := parseTime("created_after", in.CreatedAfter)
	before, beforeErr := parseTime("created_before", in.CreatedBefore)
	if err := models.JoinInvalid(pageErr, afterErr, beforeErr); err != nil {
		return models.Paged[wire.AuditEvent]{}, err
	}
	filter := models.AuditFilter{Actor: in.Actor, Action: in.Action, Target: in.Target}
	if after != nil {
		filter.From = new(after.Truncate(time.Second))
	}
	if before != nil {
		filter.Before = new(before.Truncate(time.Second).Add(time.Second))
	}
	page, err := h.store.AuditEvents(ctx, caller.WorkspaceID, filter, paging)
	return wirePage(page, (*models.AuditEvent).Wire), err
}
