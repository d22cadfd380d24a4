package main

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

// roleWords are the roles on the command line.
var roleWords = []string{"viewer", "key-manager", "admin"}

// roleOf returns the role with a word, and whether there is one.
func roleOf(word string) (models.Role, bool) {
	for i, known := range roleWords {
		if known == word {
			return models.Roles[i], true
		}
	}
	return "", false
}

// wordOf returns the word for a role.
func wordOf(role models.Role) string {
	for i, known := range models.Roles {
		if known == role {
			return roleWords[i]
		}
	}
	return string(role)
}

func (p *program) member() *cobra.Command {
	return p.group(&cobra.Command{Use: "member", Short: "List members and change their roles"}, p.memberList(), p.memberSetRole())
}

func (p *program) memberList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the members of a workspace with their roles",
		Long: `List the active and invited members of a workspace with their roles: viewer, key-manager, or admin. The
newest comes first.`,
		Example: `  skipup member list
  skipup member list --workspace ws_01J… --json`,
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.workspaceCommand(cmd, p.listMembers)
}

// listedMember is a member as printed.
type listedMember struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  string `json:"role"`  // one of roleWords
	State string `json:"state"` // "active" or "pending"
}

func (p *program) listMembers(ctx context.Context, store *models.Store, workspaceID string, _ []string) error {
	list, err := store.MemberList(ctx, workspaceID, models.MemberListFilter{PageNumber: 1, PageSize: math.MaxInt32})
	if err != nil {
		return err
	}
	listed, rows := []listedMember{}, [][]string{{"ID", "EMAIL", "NAME", "ROLE", "STATE"}}
	for i := range list.Members {
		m := &list.Members[i].Member
		one := listedMember{m.ID, m.User.Email, m.Name(), wordOf(m.Role), string(m.State())}
		listed = append(listed, one)
		rows = append(rows, []string{one.ID, visible(one.Email), visible(one.Name), one.Role, one.State})
	}
	return p.printList(listed, rows)
}

// memberOf returns the member of a workspace with an email, unless they are deactivated.
func memberOf(ctx context.Context, store *models.Store, workspaceID, email string) (*models.Member, error) {
	if email == "" { // which would match any member
		return nil, usageErrors{"the email must not be empty"}
	}
	found, err := store.Members(ctx, workspaceID, models.MemberFilter{Email: email}, models.Page{Limit: 1})
	if err != nil {
		return nil, flagErrors(err, map[string]string{"email": "the email"})
	}
	if len(found.Items) == 0 {
		return nil, models.Errorf(models.NotFound, "%s isn't an active member of this workspace. \"skipup member list\" prints the members.", email)
	}
	return &found.Items[0], nil
}

func (p *program) memberSetRole() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set-role EMAIL ROLE",
		Short: "Change the role of a member",
		Long: `Change the role of a member of a workspace to viewer, key-manager, or admin. It applies from their next
request. The last admin can't get another role.`,
		Example: `  skipup member set-role ada@acme.test key-manager`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("specify the email of one member and a role")
			}
			if _, known := roleOf(args[1]); !known {
				return errors.New("the role must be one of " + strings.Join(roleWords, ", "))
			}
			return nil
		},
	}
	completeArguments(cmd, p.completions(memberEmails(cmd)), cobra.FixedCompletions(roleWords, cobra.ShellCompDirectiveNoFileComp))
	return p.workspaceCommand(cmd, func(ctx context.Context, store *models.Store, workspaceID string, args []string) error {
		member, err := memberOf(ctx, store, workspaceID, args[0])
		if err != nil {
			return err
		}
		role, _ := roleOf(args[1])
		if member, err = store.ChangeMemberRole(ctx, workspaceID, member.ID, role); err != nil {
			return err
		}
		return p.printf("%s is now %s.", member.User.Email, args[1])
	})
}
