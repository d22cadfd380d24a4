package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) workspace() *cobra.Command {
	return p.group(&cobra.Command{Use: "workspace", Short: "Create and list workspaces"}, p.workspaceCreate(), p.workspaceList())
}

func (p *program) workspaceList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List workspaces with their IDs",
		Long:  `List the workspaces with their IDs, oldest first. Times are in UTC.`,
	}
	var asJSON bool
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	addFlags(cmd.Flags(), databaseOption)
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error { return p.listWorkspaces(ctx, store, asJSON) })
	})
}

// listedWorkspace is a workspace as printed.
type listedWorkspace struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

func (p *program) listWorkspaces(ctx context.Context, store *models.Store, asJSON bool) error {
	workspaces, err := store.Workspaces(ctx)
	if err != nil {
		return err
	}
	listed, rows := []listedWorkspace{}, [][]string{{"ID", "NAME", "CREATED"}}
	for _, w := range workspaces {
		created := inSeconds(&w.CreatedAt)
		listed = append(listed, listedWorkspace{w.ID, w.Name, *created})
		rows = append(rows, []string{w.ID, visible(w.Name), formatTime(created)})
	}
	if asJSON {
		return p.printJSON(listed)
	}
	return p.printRows(rows)
}

func (p *program) workspaceCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a workspace with its first admin and print its ID",
		Long: `Create a workspace with its first admin and print its ID on standard output.

The admin's password is read from the first line of standard input, or from a prompt if standard
input is a terminal. With --generate-password, or if standard input is empty, a password is
generated and printed once on standard error. If the email already belongs to an account, that
person becomes the admin and keeps their name and password.`,
		Example: `  skipup workspace create --name Acme --email admin@acme.test --admin-name "Ada Admin"
  skipup workspace create --name Acme --email admin@acme.test --admin-name "Ada Admin" < password.txt`,
	}
	var (
		n        models.NewWorkspace
		generate bool
	)
	flags := cmd.Flags()
	flags.StringVar(&n.Name, "name", "", "workspace `name`")
	flags.StringVar(&n.AdminEmail, "email", "", "admin `email`, used to sign in")
	flags.StringVar(&n.AdminName, "admin-name", "", "admin `name`")
	flags.BoolVar(&generate, "generate-password", false, "generate a password and print it once on standard error")
	addFlags(flags, databaseOption)
	requireFlags(cmd, "name", "email", "admin-name")
	return p.command(cmd, func(ctx context.Context, _ []string) error {
		s, err := p.settings(cmd, databaseOption)
		if err != nil {
			return err
		}
		return withStore(ctx, s, func(ctx context.Context, store *models.Store) error {
			return p.createWorkspace(ctx, store, n, generate)
		})
	})
}

// workspaceFields maps the fields of a new workspace to their flags.
var workspaceFields = map[string]string{
	"workspace": "--name",
	"name":      "--admin-name",
	"email":     "--email",
	"password":  "the password",
}

func (p *program) createWorkspace(ctx context.Context, store *models.Store, n models.NewWorkspace, generate bool) error {
	known, err := store.HasAccount(ctx, n.AdminEmail)
	if err != nil {
		return err
	}
	var generated bool
	if !known {
		if n.Password, generated, err = p.newPassword(ctx, generate); err != nil {
			return err
		}
	}
	workspace, admin, err := store.CreateWorkspace(ctx, n)
	if err != nil {
		return flagErrors(err, workspaceFields)
	}
	switch {
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
