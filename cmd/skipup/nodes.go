package main

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/skipup/keys/models"
)

const nodesHelp = `A node is a process that verifies keys from memory: a server, or a program that uses one with a
credential. A change to a key returns when every node has confirmed it. If a node doesn't, the change
waits until the node's lease has ended, and then removes the node from the list. A node that is still
running adds itself again.`

func (p *program) nodes() *cobra.Command {
	cmd := &cobra.Command{Use: "nodes", Short: "List nodes, manage their credentials, and finish upgrades", Long: nodesHelp}
	return p.group(cmd, p.nodesList(), p.nodesToken(), p.nodesFinishUpgrade())
}

func (p *program) nodesList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the nodes",
		Long: nodesHelp + `

CREDENTIAL is the name of the credential of a node that isn't a server. BEHIND is the number of changes to
keys that the node hasn't confirmed. Times are in UTC.`,
	}
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print a JSON array")
	return p.storeCommand(cmd, p.listNodes)
}

// listedNode is a node as printed.
type listedNode struct {
	Name           string    `json:"name"`
	Credential     *string   `json:"credential"` // null for a server
	ID             string    `json:"id"`
	Version        string    `json:"version"`
	StartedAt      time.Time `json:"started_at"`
	Behind         int64     `json:"behind"`
	AcknowledgedAt time.Time `json:"acknowledged_at"`
}

func (p *program) listNodes(ctx context.Context, store *models.Store, _ []string) error {
	nodes, err := store.Nodes(ctx)
	if err != nil {
		return err
	}
	lease, err := store.Lease(ctx)
	if err != nil {
		return err
	}
	listed, rows := []listedNode{}, [][]string{{"NAME", "CREDENTIAL", "VERSION", "STARTED", "BEHIND", "LAST CONFIRMED"}}
	for _, n := range nodes {
		started, acknowledged, behind := inSeconds(&n.StartedAt), inSeconds(&n.AcknowledgedAt), max(0, lease.Epoch-n.AppliedEpoch)
		var credential *string
		if n.TokenID != "" {
			credential = &n.Token
		}
		listed = append(listed, listedNode{n.Name, credential, n.ID, n.Version, *started, behind, *acknowledged})
		rows = append(rows, []string{n.Name, cmp.Or(n.Token, "-"), n.Version, formatTime(started), strconv.FormatInt(behind, 10), formatTime(acknowledged)})
	}
	if len(nodes) == 0 {
		return p.print(listed, "No nodes are running.")
	}
	return p.printList(listed, rows)
}

func (p *program) nodesFinishUpgrade() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "finish-upgrade",
		Short: "Stop waiting for nodes of earlier versions",
		Long: `Stop waiting for nodes of earlier versions. Run it once all nodes run this version or a later one.

Nodes of earlier versions can't confirm changes to keys. While one may be running, every change waits
for a lease. After this command, changes return in milliseconds. A node of an earlier version that is
still running keeps serving requests, but it reads each key from the database, isn't ready, and can't
change keys. A new installation needs no such step.`,
	}
	return p.storeCommand(cmd, func(ctx context.Context, store *models.Store, _ []string) error {
		if err := store.FinishUpgrade(ctx); err != nil {
			return err
		}
		return p.printLease(ctx, store)
	})
}
