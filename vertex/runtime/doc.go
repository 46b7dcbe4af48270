// Package runtime executes a physical plan on one node: it is the wiring of a worker.
//
// A Worker has Cores. A Core steps the tasks placed on it: it takes in what arrived, executes the oldest tick that is closed on all
// inputs of a stage, downstream first, and reads sources when nothing else is to do. A task's operators are fused: rows pass from outbox to
// operator by call. A Node drives a Worker with goroutines and links; a simulator steps the same Worker in one thread.
//
// # Ticks
//
// Sources cut ticks by bytes or by time and may open one only within the admission window, or if it is the one after the last drained
// (I16). A task executes a tick when every in-edge has closed it: rows in canonical order, then the close with the CTI. Empty ticks
// without a change of CTI are executed as a range. A tick is drained when everything downstream has executed it; that travels back to
// the sources, within a node by Worker.settle, between nodes with the credits.
//
// # Invariants
//
//   - Step never blocks and does a bounded piece of work.
//   - Whatever blocks (a log without room, a busy sink) makes the operators before it yield; the same step goes on later.
//   - Rows have the same positions whatever the cuts of batches and frames, the cores and the moments of back-pressure.
//
// # Concurrency
//
// One caller at a time steps a Core; different cores may be stepped at the same time. Wake functions may be called from anywhere.
//
// # Failure
//
// An error of a vertex, source, sink or log ends the worker with that error. A panic of user code does the same (Node).
package runtime
