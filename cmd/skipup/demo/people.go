package demo

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/skipup/keys/models"
)

const (
	workspaceName = "Harbor Labs"
	domain        = "@harbor.example"
	safari        = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
	firefox       = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
	chrome        = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)

// person is a member of the workspace. Times are in days before now.
type person struct {
	name, email    string
	role           models.Role
	joined         float64
	invited        float64 // 0 unless the invitation is pending
	left           float64 // 0 if still active
	seat           bool
	address, agent string

	member *models.Member
}

// people are all members. The first one is the admin who signs in.
var people = []person{
	{name: "Maya Lindqvist", email: "maya" + domain, role: models.Admin, joined: 521, seat: true, address: "192.0.2.17", agent: safari},
	{name: "Tom Okafor", email: "tom" + domain, role: models.Admin, joined: 498, seat: true, address: "192.0.2.44", agent: firefox},
	{name: "Inês Ferreira", email: "ines" + domain, role: models.Admin, joined: 455, left: 33.2, seat: true, address: "192.0.2.81", agent: chrome},
	{name: "Jonas Weber", email: "jonas" + domain, role: models.Viewer, joined: 390, seat: true, address: "192.0.2.102", agent: chrome},
	{name: "Priya Raman", email: "priya" + domain, role: models.KeyManager, joined: 288, seat: true, address: "198.51.100.9", agent: safari},
	{name: "Kenji Sato", email: "kenji" + domain, role: models.Viewer, joined: 204, seat: true, address: "2001:db8:51::a4", agent: firefox},
	{name: "Chloé Martin", email: "chloe" + domain, role: models.Viewer, joined: 77, address: "198.51.100.60", agent: chrome},
	{name: "Pavel Novák", email: "pavel" + domain, role: models.Viewer, joined: 350, left: 120.4, address: "198.51.100.71", agent: firefox},
	{name: "Sam Hughes", email: "sam" + domain, role: models.Viewer, invited: 1.8},
}

const seatCapacity = 8

// as returns a context in which the person with this email acts.
func (h *history) as(ctx context.Context, email string) context.Context {
	p := h.people[email]
	return models.WithActor(ctx, models.Actor{Type: models.ActorMember, ID: p.member.ID, Name: p.name, Role: p.role, Address: p.address, UserAgent: p.agent})
}

// byMaya and byTom return a context in which that admin acts.
func (h *history) byMaya(ctx context.Context) context.Context { return h.as(ctx, people[0].email) }
func (h *history) byTom(ctx context.Context) context.Context  { return h.as(ctx, people[1].email) }

func (h *history) addPeople() {
	for i := range people {
		p := people[i]
		h.people[p.email] = &p
		switch {
		case i == 0:
			h.at(p.joined, func(ctx context.Context) error { return h.createWorkspace(ctx, &p) })
		case p.invited > 0:
			h.at(p.invited, func(ctx context.Context) error { return h.invite(ctx, &p) })
		default:
			h.at(p.joined, func(ctx context.Context) error { return h.join(ctx, &p) })
		}
		if p.seat {
			h.at(min(p.joined, 480)-2, func(ctx context.Context) error {
				_, err := h.Store.AssignSeat(h.byMaya(ctx), h.workspace.ID, p.member.ID)
				return err
			})
		}
		if p.left > 0 {
			h.at(p.left, func(ctx context.Context) error {
				_, err := h.Store.DeactivateMember(h.byMaya(ctx), h.workspace.ID, p.member.ID)
				return err
			})
		}
	}
	h.at(481, func(ctx context.Context) error {
		_, err := h.Store.SetSeatCapacity(h.byMaya(ctx), h.workspace.ID, seatCapacity)
		return err
	})
	h.addSignIns()
}

// createWorkspace creates the workspace with its first admin.
func (h *history) createWorkspace(ctx context.Context, p *person) (err error) {
	ctx = models.WithActor(ctx, models.Actor{Type: models.ActorAnonymous, Address: p.address, UserAgent: p.agent})
	h.workspace, p.member, err = h.Store.CreateWorkspace(ctx, models.NewWorkspace{
		Name: workspaceName, AdminEmail: p.email, AdminName: p.name, Password: h.password,
	})
	return err
}

func (h *history) invite(ctx context.Context, p *person) (err error) {
	_, err = h.invitation(ctx, p)
	return err
}

func (h *history) invitation(ctx context.Context, p *person) (*models.Invitation, error) {
	ctx = h.byMaya(ctx)
	member, err := h.Store.AddMember(ctx, h.workspace.ID, models.NewMember{Email: p.email, Name: p.name, Role: p.role})
	if err != nil {
		return nil, err
	}
	return h.Store.InviteMember(ctx, h.workspace.ID, member.ID)
}

// join invites a person, who accepts with a random password.
func (h *history) join(ctx context.Context, p *person) error {
	invitation, err := h.invitation(ctx, p)
	if err != nil {
		return err
	}
	ctx = models.WithActor(ctx, models.Actor{Type: models.ActorAnonymous, Address: p.address, UserAgent: p.agent})
	p.member, err = h.Store.AcceptInvitation(ctx, invitation.Token, p.name, rand.Text())
	return err
}

// addSignIns adds sign-ins of the admin from one browser, one of them with a wrong password.
func (h *history) addSignIns() {
	maya, device := people[0], ""
	signIn := func(ctx context.Context, password string) error {
		ctx = models.WithActor(ctx, models.Actor{Type: models.ActorAnonymous, Address: maya.address, UserAgent: maya.agent})
		in, err := h.Store.SignIn(ctx, "", models.Credentials{Email: maya.email, Password: password, Device: device})
		if err == nil {
			device = in.Device
		}
		return err
	}
	for _, ago := range []float64{20.9, 9.4, 6.3, 2.2, 0.9} {
		h.at(ago, func(ctx context.Context) error { return signIn(ctx, h.password) })
	}
	h.at(2.2003, func(ctx context.Context) error {
		err := signIn(ctx, "the one from before")
		if models.IsKind(err, models.Invalid) {
			return nil
		}
		return errors.Join(errors.New("signed in with a wrong password"), err)
	})
}
