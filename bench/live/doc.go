// Package live runs a job as real processes and follows it by its events.
//
// The model: a Run is the command `run` of this program, with the workers it starts, in a process group of its own, so that all of them can be
// killed together. What happens comes as events (control/events) through a pipe; Workers is what they say of each worker.
//
// # Concurrency
//
// A Run calls its listener from one goroutine. Workers is a value without a lock.
//
// # Failure
//
// A Run that ends with another status than 0 has an Err that says how, with the last line of what it wrote on standard error. The end of its
// context kills the manager and its workers.
//
// # Not here
//
// Which faults to inject (cmd/streamscope/chaos; bench/jobs), and what the output must be.
package live
