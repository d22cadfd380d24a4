package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// skewed returns nodes on one database whose clocks are five minutes behind, right, and five minutes ahead.
func skewed(t *testing.T, s *modelstest.Store) []*models.Store {
	t.Helper()
	var nodes []*models.Store
	for _, skew := range []time.Duration{-300 * time.Second, 0, 300 * time.Second} {
		nodes = append(nodes, s.Skewed(t, skew).Store)
	}
	return nodes
}

// TestNodesWithDifferentClocksSendOnce checks that each node can claim at once what any node added, and none what
// another has claimed.
func TestNodesWithDifferentClocksSendOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, nodes := s.endpoint(t), skewed(t, s.Store)
		limits := []models.ClaimLimit{{EndpointID: endpoint.ID, AtMost: 1000}}
		for i, adds := range nodes {
			for j, claims := range nodes {
				if _, _, err := adds.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: fmt.Sprint(i, j)}); err != nil {
					t.Fatal(err)
				}
				due, err := claims.DueEndpoints(s.ctx)
				if err != nil {
					t.Fatal(err)
				}
				modelstest.Equal(t, fmt.Sprintf("endpoints with due deliveries of node %d on node %d", i, j), len(due), 1)
				claimed, err := claims.ClaimDeliveries(s.ctx, limits)
				if err != nil {
					t.Fatal(err)
				}
				modelstest.Equal(t, fmt.Sprintf("deliveries of node %d claimed by node %d", i, j), len(claimed), 1)
				for k, other := range nodes {
					again, err := other.ClaimDeliveries(s.ctx, limits)
					if err != nil {
						t.Fatal(err)
					}
					modelstest.Equal(t, fmt.Sprintf("claimed deliveries of node %d claimed again by node %d", j, k), len(again), 0)
				}
			}
		}
	})
}

func TestNodesWithDifferentClocksRetryOnTime(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		endpoint, nodes := s.endpoint(t), skewed(t, s.Store)
		limits := []models.ClaimLimit{{EndpointID: endpoint.ID, AtMost: 1000}}
		for i, node := range nodes {
			if _, _, err := node.CreateAPIKey(s.ctx, s.id, models.NewAPIKey{Name: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			claimed, err := node.ClaimDeliveries(s.ctx, limits)
			if err != nil {
				t.Fatal(err)
			}
			failed := unavailable
			failed.Delivery, failed.At = &claimed[0], node.Now()
			if err := node.RecordAttempts(s.ctx, []models.WebhookAttempt{failed}); err != nil {
				t.Fatal(err)
			}
			wait := time.Until(*s.deliveries(t, endpoint.ID)[0].NextAttemptAt)
			if wait > 6*time.Second || wait < -time.Minute {
				t.Errorf("node %d: next attempt in %s, want 5 seconds", i, wait)
			}
		}
	})
}

func TestNodesWithDifferentClocksEmailOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s fixture) {
		nodes := skewed(t, s.Store)
		for i, adds := range nodes {
			for j, claims := range nodes {
				if _, err := adds.AddMember(s.ctx, s.id, models.NewMember{Email: fmt.Sprintf("p%d%d@acme.test", i, j)}); err != nil {
					t.Fatal(err)
				}
				email, err := claims.ClaimEmail(s.ctx)
				if err != nil {
					t.Fatal(err)
				}
				modelstest.Equal(t, fmt.Sprintf("node %d has claimed the email of node %d", j, i), email != nil, true)
				for k, other := range nodes {
					again, err := other.ClaimEmail(s.ctx)
					if err != nil {
						t.Fatal(err)
					}
					modelstest.Equal(t, fmt.Sprintf("node %d has claimed the email of node %d too", k, j), again != nil, false)
				}
			}
		}
	})
}
