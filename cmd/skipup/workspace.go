package main

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
	"github.com/skipup/keys/views/path"
)

func (p *program) workspace() *cobra.Command {
	return p.group(&cobra.Command{Use: "workspace", Short: "Manage workspaces and their key policies"},
		p.workspaceCreate(), p.workspaceList(), p.workspacePolicy(), p.workspaceDelete(), p.workspaceRestore())
}

func (p *program) workspaceList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List workspaces with their IDs",
		Long: `List the workspaces with their IDs, modes, active members, and API keys, oldest first. A workspace with
the mode "test" has test keys. Deleted workspaces are listed until they are removed, 30 days after
their deletion. Times are in UTC.`,
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.storeCommand(cmd, p.listWorkspaces)
}

// listedWorkspace is a workspace as printed.
type listedWorkspace struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Mode      token.Mode `json:"mode"`
	State     string     `json:"state"`   // "active" or "deleted"
	Members   int64      `json:"members"` // active ones
	Keys      int64      `json:"keys"`    // that aren't deleted
	CreatedAt time.Time  `json:"created_at"`
	DeletedAt *time.Time `json:"deleted_at"`
	RemovedAt *time.Time `json:"removed_at"` // when everything in a deleted workspace is removed
}

func (p *program) listWorkspaces(ctx context.Context, store *models.Store, _ []string) error {
	workspaces, err := store.WorkspaceSummaries(ctx)
	if err != nil {
		return err
	}
	listed, rows := []listedWorkspace{}, [][]string{{"ID", "NAME", "MODE", "STATE", "MEMBERS", "KEYS", "CREATED"}}
	for _, w := range workspaces {
		one := listedWorkspace{w.ID, w.Name, w.Mode, "active", w.Members, w.Keys, *inSeconds(&w.CreatedAt), inSeconds(w.DeletedAt), inSeconds(w.RemovedAt())}
		state := one.State
		if w.DeletedAt != nil {
			one.State = "deleted"
			state = "deleted, restorable until " + formatTime(one.RemovedAt)
		}
		listed = append(listed, one)
		rows = append(rows, []string{w.ID, visible(w.Name), string(w.Mode), state, strconv.FormatInt(w.Members, 10), strconv.FormatInt(w.Keys, 10), formatTime(&one.CreatedAt)})
	}
	return p.printList(listed, rows)
}

func (p *program) workspaceCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a workspace with its first admin and print its ID",
		Long: `Create a workspace with its first admin and print its ID on standard output.

The admin's password is read from the first line of standard input, or from a prompt if standard
input is a terminal. With --generate-password, or if standard input is empty, a password is
generated and printed once on standard error.

If the email already belongs to an account, that account keeps its name and password, so it's an
error to provide a password. If its email is verified, the person becomes the admin at once.
Otherwise, someone else might have created the account with a copied link: the command prints a link
on standard error, with which the person becomes the admin. Give it to them directly. With
--existing-account, you confirm that the account is theirs, and they become the admin at once.

A workspace is live or test, which can't be changed later. The keys of a test workspace contain
"_test_" instead of "_live_". The server accepts both. Admins can also create a test workspace in the
dashboard, beside a live one and with the same admins.`,
		Example: `  skipup workspace create --name Acme --email admin@acme.test --admin-name "Ada Admin"
  skipup workspace create --name Acme --email admin@acme.test --admin-name "Ada Admin" < password.txt
  skipup workspace create --name "Acme (test)" --test --email admin@acme.test --admin-name "Ada Admin"`,
	}
	var (
		n        models.NewWorkspace
		generate bool
		test     bool
	)
	flags := cmd.Flags()
	flags.StringVar(&n.Name, "name", "", "workspace `name`")
	flags.StringVar(&n.AdminEmail, "email", "", "admin `email`, used to sign in")
	flags.StringVar(&n.AdminName, "admin-name", "", "admin `name`")
	flags.BoolVar(&generate, "generate-password", false, "generate a password and print it once on standard error")
	flags.BoolVar(&n.ExistingAccount, "existing-account", false, "confirm that the email's account belongs to the admin, even though its email isn't verified")
	flags.BoolVar(&test, "test", false, "create a test workspace, whose API keys are test keys")
	requireFlags(cmd, "name", "email", "admin-name")
	return p.settingsCommand(cmd, func(ctx context.Context, s settings, _ []string) error {
		if test {
			n.Mode = token.Test
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.createWorkspace(ctx, store, n, generate, linkBase(s))
		})
	}, databaseOption, publicURLOption)
}

// linkBase returns the origin of links: the public URL, or else the default address.
func linkBase(s settings) string { return cmp.Or(string(s.PublicURL), "http://"+addrOption.fallback) }

// workspaceFields maps the fields of a new workspace to their flags.
var workspaceFields = map[string]string{
	"workspace": "--name",
	"name":      "--admin-name",
	"email":     "--email",
	"password":  "the password",
}

func (p *program) createWorkspace(ctx context.Context, store *models.Store, n models.NewWorkspace, generate bool, publicURL string) error {
	known, err := store.HasAccount(ctx, n.AdminEmail)
	if err != nil {
		return err
	}
	var generated bool
	if known {
		n.Password, err = p.ignoredPassword(ctx, generate)
	} else {
		n.Password, generated, err = p.newPassword(ctx, generate)
	}
	if err != nil {
		return err
	}
	var (
		workspace *models.Workspace
		admin     *models.Member
		invited   *models.Invitation
	)
	err = store.Tx(ctx, func(tx *models.Store) (err error) {
		if workspace, admin, err = tx.CreateWorkspace(ctx, n); err == nil && admin.Pending {
			invited, err = tx.InviteMember(ctx, workspace.ID, admin.ID)
		}
		return err
	})
	if err != nil {
		return flagErrors(err, workspaceFields)
	}
	switch {
	case invited != nil:
		p.printErrf("%s has an account, but its email isn't verified. Give this link to the admin. It works once, until %s:\n%s",
			admin.User.Email, formatTime(&invited.ExpiresAt), publicURL+path.Invitation(invited.Token))
	case known:
		p.printErrf("%s already has an account. %s is now the admin and keeps the current password.", admin.User.Email, admin.User.Name)
	case generated:
		p.printErrf("Password for %s (shown once): %s", admin.User.Email, n.Password)
	}
	return p.printf("%s", workspace.ID)
}

// requireFlags makes flags of cmd mandatory.
func requireFlags(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		if err := cmd.MarkFlagRequired(flag); err != nil {
			panic(err) // the flag doesn't exist
		}
	}
}
