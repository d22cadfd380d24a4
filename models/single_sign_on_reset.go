package models

import (
	"context"
	"fmt"
)

// ResetSingleSignOn unlinks the person with an email from their account at the provider of single sign-on, and ends
// the sessions that began with it. The next person for whom the provider has verified this email is linked instead. It
// returns NotFound for an unknown email, and FailedPrecondition if the person isn't linked.
func (s *Store) ResetSingleSignOn(ctx context.Context, email string) (*User, error) {
	user, err := s.userByEmail(ctx, email)
	if err != nil {
		return nil, notFound(err, "account")
	}
	return user, s.Tx(ctx, func(tx *Store) error {
		linked := tx.with(ctx).Model(&userIdentity{}).Select("id").Where("user_id = ?", user.ID)
		for _, row := range []any{&Session{}, &pendingSignIn{}} {
			if err := tx.with(ctx).Where("identity_id IN (?)", linked).Delete(row).Error; err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
		}
		unlinked := tx.with(ctx).Where("user_id = ?", user.ID).Delete(&userIdentity{})
		if unlinked.Error != nil {
			return fmt.Errorf("delete identities: %w", unlinked.Error)
		}
		if unlinked.RowsAffected == 0 {
			return Errorf(FailedPrecondition, "%s isn't linked to an account at the sign-in provider.", user.Email)
		}
		return tx.credentialChanged(ctx, user, SingleSignOnResetEmail, "user.single_sign_on_reset")
	})
}
