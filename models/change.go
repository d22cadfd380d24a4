package models

// Change is an optional new value. The zero Change changes nothing.
type Change[T any] struct {
	Given bool
	Value T
}

// To returns a change to a value.
func To[T any](value T) Change[T] { return Change[T]{Given: true, Value: value} }

func (c Change[T]) apply(target *T) {
	if c.Given {
		*target = c.Value
	}
}
