// Package meta is the metadata store of a job: what a manager leaves to its successor, and what fences it.
//
// # Model
//
// A Store keeps pairs of a key and a value, and changes several of them at once, durably, under a guard: one pair that must be as expected.
// TakeOver and Commit keep the record of package control in it. The guard is always the epoch: who takes over raises it, and whoever holds
// a lower one can change nothing any more (PROTOCOL T16, I7).
//
// # Format
//
// Every value is a text, a blank, and the XXH64 of key, a zero byte and text in 16 hex digits.
//
//	format              2
//	job                 {"Job":"flights","Settings":"--out ...","Plan":...}: the Identity that created the store
//	epoch               7
//	schedule            {"Entries":[...]}
//	incarnation/0003    4: of node 3
//	base/0012/0003      20 10: base and the one before of stage 12 on node 3; absent: 0 0. 20 10 7 4: it executes 7, or 4, ticks before them again
//	mark                20; absent: 0
//	outcome             open, complete or finished; absent: open
//
// Nothing else may be in a store: what this release does not know it does not touch.
//
// # Failure
//
// What is read is hostile until its sum, its form and its bounds are checked; an error names key and values. A Swap that returns an error but
// ErrGuard may have been carried out, and may be repeated as long as nobody else holds the epoch.
//
// # Concurrency
//
// A Store may be used by several goroutines.
//
// # Not here
//
// What may be stored when (control). Journals and snapshots have stores of their own.
package meta
