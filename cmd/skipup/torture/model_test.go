package torture

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// state is the state of a key in the model.
type state struct {
	Alive   bool
	Scoped  bool  // has the scopes that verifications need
	Paused  bool  // for longer than the test takes
	Expires int64 // milliseconds since 1970, or never
}

const never = math.MaxInt64

// kind is the kind of an operation in the model.
type kind string

const (
	began  kind = "began"  // from now on, the new state may be seen
	ended  kind = "ended"  // from now on, no older state may be seen
	verify kind = "verify" // a request with the key
)

// input is an operation on one key.
type input struct {
	Kind   kind
	Key    string
	Change int   // number of the change, for began and ended
	New    state // for began
	// From and Until are the wall clock times of the request and the response of a verification, in
	// milliseconds. Expiry is checked against them.
	From, Until int64
}

// response is the result of a verification.
type response string

const (
	accepted   response = "accepted"
	lacksScope response = "lacks scope" // the key is valid, but lacks the scope
	rejected   response = "rejected"
)

// visible is a state that a node may respond by, and the change that led to it.
type visible struct {
	Change int
	State  state
}

// register is the model of a key: the states that may be seen, oldest first, and the changes that
// have begun.
type register struct {
	Visible []visible
	Began   []int
}

// clockSlack is the difference in milliseconds that rounding may make between a node's reading of
// the clock and the test's.
const clockSlack = 2

func (s state) allows(in input, out response) bool {
	deadFor := !s.Alive || s.Paused || s.Expires != never && in.Until >= s.Expires-clockSlack
	aliveFor := s.Alive && !s.Paused && (s.Expires == never || in.From < s.Expires+clockSlack)
	switch out {
	case rejected:
		return deadFor
	case accepted:
		return aliveFor && s.Scoped
	case lacksScope:
		return aliveFor && !s.Scoped
	}
	return false
}

func (r register) step(in input, out response) (bool, register) {
	switch in.Kind {
	case began:
		return true, register{append(slices.Clip(r.Visible), visible{in.Change, in.New}), append(slices.Clip(r.Began), in.Change)}
	case ended:
		if !slices.Contains(r.Began, in.Change) {
			return false, r
		}
		for i, v := range r.Visible {
			if v.Change == in.Change {
				return true, register{r.Visible[i:], r.Began}
			}
		}
		return true, r // a later change has already ended
	}
	for _, v := range r.Visible {
		if v.State.allows(in, out) {
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
	Init: func() any { return register{Visible: []visible{{0, state{}}}} },
	Step: func(s, in, out any) (bool, any) {
		observed, _ := out.(response)
		legal, next := s.(register).step(in.(input), observed)
		return legal, next
	},
	Equal: func(a, b any) bool {
		x, y := a.(register), b.(register)
		return slices.Equal(x.Visible, y.Visible) && slices.Equal(x.Began, y.Began)
	},
	DescribeOperation: func(in, out any) string {
		i := in.(input)
		switch i.Kind {
		case began:
			return fmt.Sprintf("change %d may be seen: %+v", i.Change, i.New)
		case ended:
			return fmt.Sprintf("change %d is in effect", i.Change)
		}
		return fmt.Sprint("verify: ", out)
	},
	DescribeState: func(s any) string { return fmt.Sprintf("%+v", s.(register).Visible) },
}

func TestModel(t *testing.T) {
	alive, dead := state{Alive: true, Scoped: true, Expires: never}, state{}
	paused := state{Alive: true, Scoped: true, Paused: true, Expires: never}
	type step struct {
		call, ret int64
		kind      kind
		change    int
		state     state
		out       response
	}
	created := []step{{0, 10, began, 1, alive, ""}, {0, 10, ended, 1, state{}, ""}}
	deleted := []step{{100, 200, began, 2, dead, ""}, {100, 200, ended, 2, state{}, ""}}
	ask := func(call, ret int64, out response) step { return step{call, ret, verify, 0, state{}, out} }
	tests := []struct {
		name  string
		steps []step
		want  porcupine.CheckResult
	}{
		{"a new key is accepted", []step{ask(11, 12, accepted)}, porcupine.Ok},
		{"a new key is rejected", []step{ask(11, 12, rejected)}, porcupine.Illegal},
		{"a scope that the key has is missing", []step{ask(11, 12, lacksScope)}, porcupine.Illegal},
		{"rejected, then accepted, during the deletion", append(deleted, ask(110, 120, rejected), ask(130, 140, accepted)), porcupine.Ok},
		{"accepted after the deletion", append(deleted, ask(201, 210, accepted)), porcupine.Illegal},
		{"accepted when sent before the deletion returned", append(deleted, ask(199, 300, accepted)), porcupine.Ok},
		{"rejected before the deletion", append(deleted, ask(90, 99, rejected)), porcupine.Illegal},
		{"a deletion without a response, seen late", []step{{100, never, began, 2, dead, ""}, ask(500, 510, accepted), ask(600, 610, rejected), ask(700, 710, accepted)}, porcupine.Ok},
		{"rejected while paused", []step{{100, 200, began, 2, paused, ""}, {100, 200, ended, 2, state{}, ""}, ask(201, 210, rejected)}, porcupine.Ok},
		{"accepted while paused", []step{{100, 200, began, 2, paused, ""}, {100, 200, ended, 2, state{}, ""}, ask(201, 210, accepted)}, porcupine.Illegal},
		{"a change that ends without a beginning", []step{{100, 200, ended, 2, state{}, ""}}, porcupine.Illegal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var history []porcupine.Operation
			for i, s := range append(slices.Clone(created), tt.steps...) {
				op := porcupine.Operation{ClientId: i, Call: s.call, Return: s.ret, Output: s.out,
					Input: input{Kind: s.kind, Key: "k", Change: s.change, New: s.state, From: s.call, Until: s.ret}}
				history = append(history, op)
			}
			if got := porcupine.CheckOperationsTimeout(model, history, time.Minute); got != tt.want {
				t.Errorf("result = %v, want %v", got, tt.want)
			}
		})
	}
}
