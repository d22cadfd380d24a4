package models_test

import (
	"testing"

	"github.com/skipup/keys/models"
)

func TestReceiptSaysWhichNodesConfirmed(t *testing.T) {
	nodes := func(n int) *int { return &n }
	for _, tt := range []struct {
		name   string
		nodes  *int
		silent []string
		want   string
	}{
		{"earlier version", nil, nil, ""},
		{"no nodes", nodes(0), nil, "No nodes were running."},
		{"one node", nodes(1), nil, "Confirmed by the only node."},
		{"one silent node", nodes(1), []string{"web-1"}, "The only node, web-1, did not answer, so the deletion waited for its lease to end."},
		{"three nodes", nodes(3), nil, "Confirmed by 3 of 3 nodes."},
		{"one of three silent", nodes(3), []string{"web-2"}, "Confirmed by 2 of 3 nodes. web-2 did not answer, so the deletion waited for its lease to end."},
		{"two of three silent", nodes(3), []string{"web-2", "web-3"}, "Confirmed by 1 of 3 nodes. These did not answer, so the deletion waited for their leases to end: web-2, web-3."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (models.DeletionReceipt{Nodes: tt.nodes, SilentNodes: tt.silent}).NodesText(); got != tt.want {
				t.Errorf("NodesText() = %q, want %q", got, tt.want)
			}
		})
	}
}
