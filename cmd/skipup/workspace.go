package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

func (p *program) workspace() *cobra.Command {
	return p.group(&cobra.Command{Use: "workspace", Short: "Make workspaces"}, p.workspaceCreate())
}

func (p *program) workspaceCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a workspace with its first admin, and print its id",
		Long: `Make a workspace with its first admin, and print its id on standard output.

The admin's password is the first line of standard input; a terminal asks for it instead. With
--generate-password, or if standard input is empty, one is made and printed once, on standard error.
If the address has an account already, that person becomes the admin and keeps name and password.
Who was only invited somewhere has none yet, and gets one with this name and password.`,
		Example: `  skipup workspace create --name Acme --email admin@acme.test --admin-name "Ada Admin"
  skipup workspace create --name Acme --email admin@acme.test --admin-name "Ada Admin" < password.txt`,
	}
	var (
		n        models.NewWorkspace
		generate bool
	)
	flags := cmd.Flags()
	flags.StringVar(&n.Name, "name", "", "`NAME` of the workspace")
	flags.StringVar(&n.AdminEmail, "email", "", "email `ADDRESS` with which the admin signs in")
	flags.StringVar(&n.AdminName, "admin-name", "", "`NAME` of the admin")
	flags.BoolVar(&generate, "generate-password", false, "make a password and print it once, on standard error")
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

// workspaceFields are the flags behind the fields of a new workspace.
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
		p.printErrf("%s has an account already: %s is the admin now, with the present password.", admin.User.Email, admin.User.Name)
	case generated:
		p.printErrf("The password of %s, which is not shown again: %s", admin.User.Email, n.Password)
	}
	return p.printf("%s", workspace.ID)
}

// require makes cmd ask for flags that have no default.
func requireFlags(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		if err := cmd.MarkFlagRequired(flag); err != nil {
			panic(err) // only a misspelt flag gets here
		}
	}
}
