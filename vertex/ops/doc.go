// Package ops has the operators of the temporal algebra, one to a file, as vertices.
//
// Each operator has a configuration (Filter, Project, …) whose Output checks it against the schemas of its inputs and gives the schema
// of its output, for the planner, and a constructor (NewFilter, …), for the worker. Row operators work on one event at a time and keep
// no state: Filter, Project, AlterLifetime, Union, Lookup. Keyed operators keep tables in pages of package state.
//
// # Invariants
//
// What an operator emits depends neither on how its input is cut into batches nor on when its outbox is full. A row operator emits in
// the order of its input. The CTI that Close returns never falls, and no later row has Vs below it.
//
// # Images
//
// Keyed operators are vertex.Imagers: a small state is written into the image by value, a larger one is frozen, which copies its page table, and
// given as a part whose pages are read later and in the background (image.go). GetSnapshot writes all of it by value; an image and a
// snapshot of the same moment load into vertices that go on alike.
//
// # Concurrency
//
// A vertex is called by one goroutine. Tables of Lookup are shared, read-only.
//
// # Ownership
//
// Operators copy what they keep of a batch. No operator allocates per event.
//
// # Failure
//
// Output and constructors complain in words about columns and kinds (ErrConfig, expr.ErrType). Execute returns an error that names the
// event: the task fails, since skipping a row silently would be a wrong result.
package ops
