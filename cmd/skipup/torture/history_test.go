package torture

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// history is everything that clients have asked and were answered.
type history struct {
	start time.Time

	mu      sync.Mutex
	ops     []porcupine.Operation
	changes int
}

func newHistory() *history { return &history{start: time.Now()} }

func (h *history) now() int64 { return int64(time.Since(h.start)) }

func (h *history) add(op porcupine.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	op.ClientId = len(h.ops) // each as if by a client of its own: an unanswered one is never over
	h.ops = append(h.ops, op)
}

func (h *history) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// outcome is what a client knows of a change it has asked for.
type outcome int

const (
	done    outcome = iota // it is in force
	unknown                // it may have happened, or may happen yet
	undone                 // it has not happened and will not
)

// change notes a change of a key to a new state that was asked for at call.
func (h *history) change(key string, to state, call int64, came outcome) {
	if came == undone {
		return
	}
	h.mu.Lock()
	h.changes++
	number := h.changes
	h.mu.Unlock()
	begin := porcupine.Operation{Input: input{Kind: began, Key: key, Change: number, New: to}, Call: call, Return: math.MaxInt64}
	if came == done {
		begin.Return = h.now()
		h.add(porcupine.Operation{Input: input{Kind: ended, Key: key, Change: number}, Call: call, Return: begin.Return})
	}
	h.add(begin)
}

// verified notes an answered verification.
func (h *history) verified(key string, call, from int64, out answer) {
	h.add(porcupine.Operation{
		Input: input{Kind: verify, Key: key, From: from, Until: time.Now().UnixMilli()}, Output: out, Call: call, Return: h.now(),
	})
}

// searchTime is how long an order is searched for. It mostly takes milliseconds; beyond this it
// is a failure, and would take all of the memory.
const searchTime = 30 * time.Second

// check searches for an order that the model allows. The history of a failure is kept.
func (h *history) check(t *testing.T, want porcupine.CheckResult) bool {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	result := porcupine.CheckOperationsTimeout(model, h.ops, searchTime)
	if result == want {
		return true
	}
	if want == porcupine.Ok {
		_, info := porcupine.CheckOperationsVerbose(model, h.ops, time.Minute)
		t.Errorf("the history of %d operations is %s; it is kept in %s", len(h.ops), result, h.keep(t, info))
	}
	return false
}

// keep writes the history, in which keys are named by their ids alone, beside its picture.
func (h *history) keep(t *testing.T, info porcupine.LinearizationInfo) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "torture-failed-")
	if err != nil {
		t.Fatal(err)
	}
	if err := porcupine.VisualizePath(model, info, filepath.Join(dir, "history.html")); err != nil {
		t.Error(err)
	}
	file, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	encoder := json.NewEncoder(file)
	for _, op := range h.ops {
		if err := encoder.Encode(op); err != nil {
			t.Error(err)
		}
	}
	return dir
}
