package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// ProviderIdentity is what the provider of single sign-on says about the person who signs in.
type ProviderIdentity struct {
	Issuer, Subject string // identify the person
	Email           string
	EmailVerified   bool
	Name            string   // may be empty
	Groups          []string // which ProviderRole names
	Session         string   // of the person at the provider; empty if the provider doesn't name it
	SecondFactor    bool     // the provider asked for more than one factor
	// AuthenticatedAt is when the provider last asked the person to sign in; nil if it doesn't say so.
	AuthenticatedAt *time.Time
}

// userIdentity links a user to the person whom a provider knows by a subject.
type userIdentity struct {
	ID         string
	UserID     string
	Issuer     string
	Subject    string
	LastUsedAt time.Time
	CreatedAt  time.Time
}

// bySingleSignOn is how audit events name the way in which someone signed in.
const bySingleSignOn = "single sign-on"

// The reasons for which someone can't sign in with a provider. Only the last depends on who else has an account, and
// only the owner of its email gets it.
var (
	errUnverifiedEmail = Errorf(Forbidden, "Your sign-in provider hasn't verified your email, so you can't sign in with it. Ask the people who manage your sign-in provider to verify it.")
	errUnknownPerson   = Errorf(Forbidden, "There's no invitation or account for you here. Ask an admin of your workspace to invite the email that your sign-in provider has for you.")
	errOtherIdentity   = Errorf(Forbidden, "Your account here is linked to another account at your sign-in provider, such as one that was deleted and created again. Ask the operator of this server to reset the link.")
)

// SignInWithProvider starts a session for a person who signed in with a provider of single sign-on, and ends the
// session oldSession, if there is one. It finds the user whom an earlier sign-in linked to the identity. Without
// one, it finds the user by the verified email and links them: an invited person joins the workspaces that invited
// them, and someone whose groups give them a role needs no invitation. It returns Forbidden for an unknown person,
// for one whose email isn't verified, and for one whose account is linked to another identity. If the user has a second factor and the provider didn't ask for one, no
// session starts: SignInWithCode completes the sign-in.
func (s *Store) SignInWithProvider(ctx context.Context, oldSession, device string, who ProviderIdentity) (in *SignedIn, err error) {
	err = s.Tx(ctx, func(tx *Store) error {
		user, identity, err := tx.identify(ctx, who)
		if err != nil {
			return err
		}
		if err := tx.applyRoles(ctx, user, who.Groups); err != nil {
			return err
		}
		ctx, workspaceID, err := tx.actingAs(ctx, user)
		if err != nil {
			return err
		}
		attempt := signInAttempt{limits: roundTripLimits(ctx)}
		hasSecondFactor, err := tx.HasSecondFactor(ctx, user.ID)
		if err != nil {
			return err
		}
		if hasSecondFactor && !who.SecondFactor {
			if in, err = tx.awaitCode(ctx, user, attempt); err != nil {
				return err
			}
			values := map[string]any{"identity_id": identity.ID, "provider_session": who.Session}
			err = tx.with(ctx).Model(&pendingSignIn{}).Where("digest = ?", digestOf(in.PendingID)).Updates(values).Error
			if err != nil {
				return fmt.Errorf("update pending sign-in: %w", err)
			}
			return nil
		}
		if attempt.device, err = tx.knownDevice(ctx, user, device); err != nil {
			return err
		}
		if in, err = tx.startSession(ctx, user, workspaceID, oldSession, attempt, map[string]string{"method": bySingleSignOn}); err != nil {
			return err
		}
		return tx.markProvided(ctx, in.SessionID, identity.ID, who)
	})
	return in, err
}

// markProvided records that a session was started with a provider. The provider may not have asked the person to
// sign in just now, so that the session isn't a proof of who they are.
func (s *Store) markProvided(ctx context.Context, session, identityID string, who ProviderIdentity) error {
	values := map[string]any{"identity_id": identityID, "provider_session": who.Session, "provider_second_factor": who.SecondFactor}
	if at := who.AuthenticatedAt; at != nil && at.Before(s.now()) {
		values["proven_at"] = at.UTC()
	}
	if err := s.with(ctx).Model(&Session{}).Where("digest = ?", digestOf(session)).Updates(values).Error; err != nil {
		return fmt.Errorf("update session: %w", err)
	}
	return nil
}

// identify returns the user with an identity. It creates the link, if there is none yet.
func (s *Store) identify(ctx context.Context, who ProviderIdentity) (*User, *userIdentity, error) {
	identity, err := s.identityOf(ctx, who)
	if err != nil {
		return nil, nil, err
	}
	if identity == nil {
		return s.link(ctx, who)
	}
	if err := s.with(ctx).Model(identity).Update("last_used_at", s.now()).Error; err != nil {
		return nil, nil, fmt.Errorf("update identity: %w", err)
	}
	user, err := s.User(ctx, identity.UserID)
	return user, identity, err
}

// identityOf returns the linked identity of a person, or nil if there is none.
func (s *Store) identityOf(ctx context.Context, who ProviderIdentity) (*userIdentity, error) {
	var identity userIdentity
	err := s.with(ctx).Where("issuer = ? AND subject = ?", who.Issuer, who.Subject).Take(&identity).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	return &identity, nil
}

// link links the user with the verified email of a person to the person's identity. It returns errOtherIdentity
// if that user is linked to another identity: the provider may have given the email to someone else.
func (s *Store) link(ctx context.Context, who ProviderIdentity) (*User, *userIdentity, error) {
	if who.Email == "" || !who.EmailVerified {
		return nil, nil, errUnverifiedEmail
	}
	mayJoin := len(s.rolesOf(who.Groups)) > 0
	user, err := s.userByEmail(ctx, who.Email)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound) && mayJoin:
		user, err = s.insertUser(ctx, &User{Email: normalEmail(who.Email)})
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, nil, errUnknownPerson
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find user: %w", err)
	}
	identity := userIdentity{ID: s.id("idn"), UserID: user.ID, Issuer: who.Issuer, Subject: who.Subject, LastUsedAt: s.now(), CreatedAt: s.now()}
	err = s.with(ctx).Create(&identity).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return nil, nil, errOtherIdentity
	}
	if err != nil {
		return nil, nil, fmt.Errorf("insert identity: %w", err)
	}
	switch {
	case user.PasswordHash == "":
		err = s.joinAll(ctx, user, who.Name, mayJoin)
	case user.VerifiedAt == nil:
		err = s.takeBack(ctx, user)
	}
	if err != nil {
		return nil, nil, err
	}
	return user, &identity, s.auditUser(ctx, user, "user.single_sign_on_linked", nil)
}

// joinAll opens the account of an invited person, without a password, and joins the workspaces that invited them. It
// returns errUnknownPerson without an invitation, unless the person may join by their groups.
func (s *Store) joinAll(ctx context.Context, user *User, name string, mayJoin bool) error {
	invited := func() *gorm.DB {
		return s.with(ctx).Model(&Member{}).Where("user_id = ? AND pending AND deactivated_at IS NULL", user.ID).Order("workspace_id")
	}
	var workspaceIDs []string
	if err := invited().Pluck("workspace_id", &workspaceIDs).Error; err != nil {
		return fmt.Errorf("read invitations: %w", err)
	}
	for _, id := range workspaceIDs {
		if _, err := s.lockWorkspace(ctx, id); err != nil {
			return err
		}
	}
	var members []Member
	if err := invited().Find(&members).Error; err != nil { // that are left, once the workspaces are locked
		return fmt.Errorf("read invitations: %w", err)
	}
	if len(members) == 0 && !mayJoin {
		return errUnknownPerson
	}
	names := []string{name}
	for _, member := range members {
		names = append(names, member.InvitedName)
	}
	names = append(names, strings.Split(user.Email, "@")[0], "Member")
	valid := slices.IndexFunc(names, func(name string) bool {
		fields := Fields{}
		checkName(fields, "name", name)
		return len(fields) == 0
	})
	now := s.now()
	if err := s.openAccount(ctx, user, normalName(names[valid]), s.passwords.decoy(), &now); err != nil {
		return err
	}
	for _, member := range members {
		member.User = *user
		if err := s.join(ctx, &member); err != nil {
			return err
		}
	}
	return nil
}

// takeBack removes the password, second factor, and passkeys of an account whose email wasn't verified before, and
// ends its sessions: someone else might have created it with a copied link. The provider says whose email it is.
func (s *Store) takeBack(ctx context.Context, user *User) error {
	now := s.now()
	user.PasswordHash, user.VerifiedAt = s.passwords.decoy(), &now
	err := s.with(ctx).Model(&User{}).Where("id = ?", user.ID).Updates(map[string]any{"password_hash": user.PasswordHash, "verified_at": now}).Error
	if err != nil {
		return fmt.Errorf("update user: %w", err)
	}
	if err := s.removeSecondFactors(ctx, user); err != nil {
		return err
	}
	if err := s.endSessions(ctx, user.ID, ""); err != nil {
		return err
	}
	return s.deleteAccountLinks(ctx, user.ID)
}

// ProveWithProvider records that a signed-in user has proved who they are, at the provider of single sign-on. It returns
// Forbidden if someone else signed in there, and FailedPrecondition if the provider didn't ask the person to sign in
// again.
func (s *Store) ProveWithProvider(ctx context.Context, userID, session string, who ProviderIdentity) error {
	identity, err := s.identityOf(ctx, who)
	if err != nil {
		return err
	}
	if identity == nil || identity.UserID != userID {
		return Errorf(Forbidden, "You signed in at your sign-in provider as someone else. Sign in there as the person who is signed in here.")
	}
	if who.AuthenticatedAt == nil || s.now().Sub(*who.AuthenticatedAt) > RoundTripLife {
		return Errorf(FailedPrecondition, "Your sign-in provider didn't ask you to sign in again. Sign out here, then sign in again.")
	}
	if who.Session != "" { // the provider may have a new session, which its logout tokens will name
		err := s.with(ctx).Model(&Session{}).Where("digest = ?", digestOf(session)).Update("provider_session", who.Session).Error
		if err != nil {
			return fmt.Errorf("update session: %w", err)
		}
	}
	return s.setProven(ctx, session)
}

// errNotLinked is returned to a person who would lock themselves out.
var errNotLinked = Errorf(FailedPrecondition, "Sign in with single sign-on once before you require it, so that you don't lock yourself out.")

// requireLinked returns errNotLinked if the actor in ctx is a person who has never used single sign-on.
func (s *Store) requireLinked(ctx context.Context) error {
	actor := ActorOf(ctx)
	if actor.Type != ActorMember {
		return nil
	}
	var linked int64
	ofActor := s.with(ctx).Model(&Member{}).Select("user_id").Where("id = ?", actor.ID)
	if err := s.with(ctx).Model(&userIdentity{}).Where("user_id IN (?)", ofActor).Count(&linked).Error; err != nil {
		return fmt.Errorf("count identities: %w", err)
	}
	if linked == 0 {
		return errNotLinked
	}
	return nil
}

// RequiringSingleSignOn returns the workspaces that require single sign-on.
func (s *Store) RequiringSingleSignOn(ctx context.Context) ([]Workspace, error) {
	workspaces, err := s.Workspaces(ctx)
	return slices.DeleteFunc(workspaces, func(w Workspace) bool { return !w.KeyPolicy.SingleSignOnRequired }), err
}
