// Package vertex is the contract between the engine and a computation: Vertex, its Outbox, sources and sinks.
//
// A vertex is deterministic (rVertex: Load, Execute, GetSnapshot). Time is cut into ticks: a vertex gets the rows of a tick in
// canonical order, then Close with the CTI; its state changes only in ticks that all its inputs have closed. Back-pressure is a
// return value: when Outbox.Room is 0 the vertex returns what it consumed and is called again.
//
// A vertex whose state lies in package state may be an Imager too: it then gives frozen parts instead of copies, and only what changed since the
// image before is written.
//
// # Concurrency
//
// One goroutine at a time calls a vertex. The package is pure: no clock, no network, no file, no goroutine.
//
// # Ownership
//
// Batches handed to Execute are borrowed until it returns. Rows appended to an Outbox are copied. The parts of an image are the caller's, to be
// released before the memory of the state goes.
//
// # Not here
//
// Operators (vertex/ops), expressions (vertex/expr), connectors (vertex/connect), the wiring of a worker (vertex/runtime).
package vertex
