package api

import (
	"context"
	"slices"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/wire"
	"github.com/skipup/keys/web"
)

// members handles /workspace_members.
type members struct{ store *models.Store }

type memberQuery struct {
	PageQuery
	Email string `query:"email"`
	Role  string `query:"role"`
}

// list returns a page of the active members.
func (h members) list(ctx context.Context, caller web.Caller, in memberQuery) (models.Paged[wire.Member], error) {
	paging, err := in.page()
	if err != nil {
		return models.Paged[wire.Member]{}, err
	}
	page, err := h.store.Members(ctx, caller.WorkspaceID, models.MemberFilter{Email: in.Email, Role: models.Role(in.Role)}, paging)
	return wirePage(page, (*models.Member).Wire), err
}

type newMember struct {
	Email string  `json:"email"`
	Name  *string `json:"name"`
	Role  *string `json:"role"`
}

// create adds a member, who is invited unless they already have an account.
func (h members) create(ctx context.Context, caller web.Caller, in newMember) (wire.Member, error) {
	wanted := models.NewMember{Email: in.Email}
	if in.Name != nil {
		if *in.Name == "" {
			return wire.Member{}, invalid("name", "must not be empty; omit it if unknown")
		}
		wanted.Name = *in.Name
	}
	if in.Role != nil {
		wanted.Role = models.Role(*in.Role)
		if !slices.Contains(models.WireRoles, wanted.Role) {
			return wire.Member{}, invalid("role", models.OneOf(wanted.Role, models.WireRoles))
		}
	}
	return wireOf(h.store.AddMember(ctx, caller.WorkspaceID, wanted))
}

func (h members) deactivate(ctx context.Context, caller web.Caller, in byID) (wire.Member, error) {
	return wireOf(h.store.DeactivateMember(ctx, caller.WorkspaceID, in.ID))
}

func (h members) reactivate(ctx context.Context, caller web.Caller, in byID) (wire.Member, error) {
	return wireOf(h.store.ReactivateMember(ctx, caller.WorkspaceID, in.ID))
}

// wireOf converts a row to its wire type, unless err is set.
func wireOf[Row interface{ Wire() Wire }, Wire any](row Row, err error) (Wire, error) {
	if err != nil {
		var none Wire
		return none, err
	}
	return row.Wire(), nil
}
