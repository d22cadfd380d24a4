// Package torture proves, on the real program, that a deletion is immediate: three nodes on one
// PostgreSQL answer two dozen clients while nodes are stopped, killed and cut off and the
// database is restarted, and every answer has to fit the promise of package keyauth.
//
// Porcupine searches each key's history for an order that the model allows. The model is of a
// regular register (Lamport, On Interprocess Communication, 1986): while a change is on its way
// a node may answer by the state before or by the state after, and when the call has returned
// only by the state after. A change is therefore two operations within one call: one from which
// on the new state may be seen, and one after which no older state may be. A change without an
// answer has only the first, which may happen at any time, or never.
//
// The same histories of programs that are broken on purpose, built with the tag "defects", have
// to be found illegal.
package torture
