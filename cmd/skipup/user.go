package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
)

func (p *program) user() *cobra.Command {
	return p.group(&cobra.Command{Use: "user", Short: "Let people sign in again, and erase them"}, p.userUnlock(), p.userResetLink(), p.userResetSecondFactor(), p.userResetSingleSignOn(), p.userChangeEmail(), p.userErase())
}

func (p *program) userUnlock() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock EMAIL",
		Short: "Let an account sign in again after too many failed attempts",
		Long: `Let an account sign in again after too many failed attempts, for example during an attack from many
networks. Forgets the failed attempts for the account, and allows 1,000 more before the account is
limited again. IP addresses and networks with many failed attempts still have to wait, for up to 15
minutes. Known devices don't need this, because they have their own limit.`,
		Example: `  skipup user unlock ada@acme.test`,
		Args:    oneEmail,
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		user, err := store.UnlockUser(ctx, args[0])
		if err != nil {
			return err
		}
		return p.printf("Unlocked %s.", user.Email)
	})
}

var oneEmail = exactly(1, "specify the email of one account")

func (p *program) userResetLink() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-link EMAIL",
		Short: "Create a link with which a person chooses a new password",
		Long: `Create a link with which a person chooses a new password, and print it on standard output. It works
once, for 30 minutes. Give it to them directly: anyone with the link can take over the account. An
earlier link stops working. The person is signed out everywhere when they use it.`,
		Example: `  skipup user reset-link ada@acme.test`,
		Args:    oneEmail,
	}
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, args []string) error {
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			link, err := store.CreateResetLinkAsOperator(ctx, args[0])
			if err != nil {
				return err
			}
			p.printErrf("Link for %s. It works once, until %s:", link.User.Email, formatTime(&link.ExpiresAt))
			return p.printf("%s", linkBase(s)+path.ResetPasswordWith(link.Token))
		})
	}, databaseOption, publicURLOption)
}

func (p *program) userResetSecondFactor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-second-factor EMAIL",
		Short: "Remove the second factor of a person who has lost it",
		Long: `Remove the second factor, including all passkeys, of a person who has lost their phone and their
recovery codes. They then sign in with their password only, and set up another second factor if a
workspace requires one. First make sure that it's really them who asks. If the server sends email,
they get a message about it.`,
		Example: `  skipup user reset-second-factor ada@acme.test`,
		Args:    oneEmail,
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		user, err := store.RemoveSecondFactorAsOperator(ctx, args[0])
		if err != nil {
			return err
		}
		return p.printf("Removed the second factor of %s.", user.Email)
	})
}

func (p *program) userResetSingleSignOn() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset-single-sign-on EMAIL",
		Short: "Unlink a person from their account at the sign-in provider",
		Long: `Unlink a person from their account at the sign-in provider, for example because it was deleted there and
created again. Their sessions that began with single sign-on end. The next person who signs in at the
provider with this email, verified, is linked to the account. First make sure that the provider has
given the email to the same person. If the server sends email, they get a message about it.`,
		Example: `  skipup user reset-single-sign-on ada@acme.test`,
		Args:    oneEmail,
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		user, err := store.ResetSingleSignOn(ctx, args[0])
		if err != nil {
			return err
		}
		return p.printf("Unlinked %s. Their next sign-in with single sign-on links the account again.", user.Email)
	})
}

func (p *program) userChangeEmail() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "change-email OLD NEW",
		Short: "Change the email with which a person signs in",
		Long: `Change the email with which a person signs in. You vouch that the new email is theirs: it counts as
verified. If the server sends email, the old email gets a message about the change.`,
		Example: `  skipup user change-email ada@acme.test ada@acme.example`,
		Args:    exactly(2, "specify the old and the new email of one account"),
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		user, err := store.ChangeEmailAsOperator(ctx, args[0], args[1])
		if err != nil {
			return flagErrors(err, map[string]string{"email": "the new email"})
		}
		return p.printf("%s now signs in with %s.", user.Name, user.Email)
	})
}

func (p *program) userErase() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "erase EMAIL",
		Short: "Erase a person from all tables",
		Long: `Erase a person: their account, and their names and emails in all tables. This can't be undone. The audit
log keeps their events with a pseudonym, and "skipup audit verify" still succeeds. API keys that they
created keep working. Texts that people entered, such as the name of a key or a meeting request,
and backups stay as they are. The last admin of a workspace can't be erased.`,
		Example: `  skipup user erase ada@acme.test`,
		Args:    oneEmail,
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, args []string) error {
		pseudonym, err := store.EraseUserAsOperator(ctx, args[0])
		if err != nil {
			return err
		}
		return p.printf("Erased. The audit log calls them %q.", pseudonym)
	})
}
