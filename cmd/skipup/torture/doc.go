// Package torture tests the guarantee of package keyauth with the real programs: several servers on
// one PostgreSQL, and remote nodes that reach it only through them, serve two dozen clients while nodes
// are stopped, killed, and cut off, and while the database restarts. Every response must be consistent
// with the guarantee.
//
// Porcupine searches the history of each key for an order that the model allows. The model is a
// regular register (Lamport, On Interprocess Communication, 1986): while a change is in progress, a
// node may respond by the old or by the new state; once the call has returned, only by the new
// state. A change is therefore two operations within one call: one after which the new state may be
// seen, and one after which no older state may be. A change without a response has only the first,
// which may happen at any time or never.
//
// TestMutantsAreCaught checks that the test can fail. It builds the programs with one known mistake at
// a time, and expects an illegal history from each.
package torture
