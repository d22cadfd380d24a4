package torture

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// state is what a key may do.
type state struct {
	Alive   bool
	Scoped  bool  // holds the scope that verifications ask for
	Paused  bool  // for longer than the test takes
	Expires int64 // milliseconds since 1970, or never
}

const never = math.MaxInt64

// kind is what an operation of the model does.
type kind string

const (
	began  kind = "began"  // the new state may be seen
	ended  kind = "ended"  // nothing older may be seen
	verify kind = "verify" // a request with the key
)

// input is an operation on one key.
type input struct {
	Kind   kind
	Key    string
	Change int   // number of the change, of began and ended
	New    state // of began
	// From and Until are the wall clock's milliseconds at the call and at the answer of a
	// verification, which expiry is judged by.
	From, Until int64
}

// answer is what came of a verification.
type answer string

const (
	accepted answer = "accepted" // with the scope
	lacking  answer = "lacking"  // accepted, without the scope
	refused  answer = "refused"
)

// seen is one state that nodes may answer by.
type seen struct {
	Change int
	State  state
}

// register is the model's state of a key: what may be seen, the oldest first, and which changes
// have begun.
type register struct {
	Seen  []seen
	Began []int
}

// clockSlack is by how much a node's reading of the clock may be apart from ours: both are
// rounded to milliseconds.
const clockSlack = 2

func (s state) allows(in input, out answer) bool {
	deadFor := !s.Alive || s.Paused || s.Expires != never && in.Until >= s.Expires-clockSlack
	aliveFor := s.Alive && !s.Paused && (s.Expires == never || in.From < s.Expires+clockSlack)
	switch out {
	case refused:
		return deadFor
	case accepted:
		return aliveFor && s.Scoped
	case lacking:
		return aliveFor && !s.Scoped
	}
	return false
}

func (r register) step(in input, out answer) (bool, register) {
	switch in.Kind {
	case began:
		return true, register{append(slices.Clip(r.Seen), seen{in.Change, in.New}), append(slices.Clip(r.Began), in.Change)}
	case ended:
		if !slices.Contains(r.Began, in.Change) {
			return false, r
		}
		for i, one := range r.Seen {
			if one.Change == in.Change {
				return true, register{r.Seen[i:], r.Began}
			}
		}
		return true, r // a later change has ended already
	}
	for _, one := range r.Seen {
		if one.State.allows(in, out) {
			return true, r
		}
	}
	return false, r
}

var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(input).Key
			byKey[key] = append(byKey[key], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return register{Seen: []seen{{0, state{}}}} },
	Step: func(s, in, out any) (bool, any) {
		answered, _ := out.(answer)
		legal, next := s.(register).step(in.(input), answered)
		return legal, next
	},
	Equal: func(a, b any) bool {
		x, y := a.(register), b.(register)
		return slices.Equal(x.Seen, y.Seen) && slices.Equal(x.Began, y.Began)
	},
	DescribeOperation: func(in, out any) string {
		i := in.(input)
		switch i.Kind {
		case began:
			return fmt.Sprintf("change %d may be seen: %+v", i.Change, i.New)
		case ended:
			return fmt.Sprintf("change %d is in force", i.Change)
		}
		return fmt.Sprint("verify: ", out)
	},
	DescribeState: func(s any) string { return fmt.Sprintf("%+v", s.(register).Seen) },
}

// TestModel: what the promise allows and what it forbids.
func TestModel(t *testing.T) {
	alive, dead := state{Alive: true, Scoped: true, Expires: never}, state{}
	still := state{Alive: true, Scoped: true, Paused: true, Expires: never}
	type step struct {
		call, ret int64
		kind      kind
		change    int
		state     state
		out       answer
	}
	made := []step{{0, 10, began, 1, alive, ""}, {0, 10, ended, 1, state{}, ""}}
	deleted := []step{{100, 200, began, 2, dead, ""}, {100, 200, ended, 2, state{}, ""}}
	ask := func(call, ret int64, out answer) step { return step{call, ret, verify, 0, state{}, out} }
	tests := []struct {
		name  string
		steps []step
		want  porcupine.CheckResult
	}{
		{"a new key works at once", []step{ask(11, 12, accepted)}, porcupine.Ok},
		{"a new key is refused", []step{ask(11, 12, refused)}, porcupine.Illegal},
		{"a scope it holds is missed", []step{ask(11, 12, lacking)}, porcupine.Illegal},
		{"refused, then accepted, while it is deleted", append(deleted, ask(110, 120, refused), ask(130, 140, accepted)), porcupine.Ok},
		{"accepted after the deletion", append(deleted, ask(201, 210, accepted)), porcupine.Illegal},
		{"accepted by a request from before the deletion's end", append(deleted, ask(199, 300, accepted)), porcupine.Ok},
		{"refused before the deletion", append(deleted, ask(90, 99, refused)), porcupine.Illegal},
		{"a deletion without an answer, seen late", []step{{100, never, began, 2, dead, ""}, ask(500, 510, accepted), ask(600, 610, refused), ask(700, 710, accepted)}, porcupine.Ok},
		{"refused while it is paused", []step{{100, 200, began, 2, still, ""}, {100, 200, ended, 2, state{}, ""}, ask(201, 210, refused)}, porcupine.Ok},
		{"accepted while it is paused", []step{{100, 200, began, 2, still, ""}, {100, 200, ended, 2, state{}, ""}, ask(201, 210, accepted)}, porcupine.Illegal},
		{"ended without having begun", []step{{100, 200, ended, 2, state{}, ""}}, porcupine.Illegal},
	}
	for _, tt := range tests {
		var history []porcupine.Operation
		for i, s := range append(slices.Clone(made), tt.steps...) {
			op := porcupine.Operation{ClientId: i, Call: s.call, Return: s.ret, Output: s.out,
				Input: input{Kind: s.kind, Key: "k", Change: s.change, New: s.state, From: s.call, Until: s.ret}}
			history = append(history, op)
		}
		if got := porcupine.CheckOperationsTimeout(model, history, time.Minute); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
