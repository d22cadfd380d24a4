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

// history holds every request of the clients and its response.
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
	op.ClientId = len(h.ops) // a client each, because an operation without a response never ends
	h.ops = append(h.ops, op)
}

func (h *history) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// outcome is what a client knows about a change after it has asked for it.
type outcome int

const (
	done    outcome = iota // the change is in effect on all nodes
	unknown                // the change may have been made, or may still be made
	undone                 // the change has not been made and won't be
)

// change records a change of a key's state that was requested at call.
func (h *history) change(key string, to state, call int64, result outcome) {
	if result == undone {
		return
	}
	h.mu.Lock()
	h.changes++
	number := h.changes
	h.mu.Unlock()
	begin := porcupine.Operation{Input: input{Kind: began, Key: key, Change: number, New: to}, Call: call, Return: math.MaxInt64}
	if result == done {
		begin.Return = h.now()
		h.add(porcupine.Operation{Input: input{Kind: ended, Key: key, Change: number}, Call: call, Return: begin.Return})
	}
	h.add(begin)
}

// verified records a verification that has a response.
func (h *history) verified(key string, call, from int64, out response) {
	h.add(porcupine.Operation{
		Input: input{Kind: verify, Key: key, From: from, Until: time.Now().UnixMilli()}, Output: out, Call: call, Return: h.now(),
	})
}

// searchTime bounds the search for an order. It usually takes milliseconds; a search that takes
// this long would use up the memory.
const searchTime = time.Minute

// check searches for an order that the model allows, and reports whether the result is want. If want
// is porcupine.Ok, another result fails the test, and the history is kept.
func (h *history) check(t *testing.T, want porcupine.CheckResult) bool {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	result := porcupine.CheckOperationsTimeout(model, h.ops, searchTime)
	if result == want {
		return true
	}
	if want == porcupine.Ok {
		_, info := porcupine.CheckOperationsVerbose(model, h.ops, searchTime)
		t.Errorf("the history of %d operations is %s, want %s; it is kept in %s", len(h.ops), result, want, h.keep(t, info))
	}
	return false
}

// keep writes the history and a visualization of it. Keys appear in it by ID only.
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
