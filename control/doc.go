// Package control is the job manager as a pure machine: Step takes an event and returns effects, and a driver (control/manager) carries
// them out. It knows no process, socket or clock; time comes with the events.
//
// # Model
//
// A run has a fixed set of workers, one per node. Each goes through the states of WorkerState, in order; the run through those of
// Phase:
//
//	gathering   every worker has said hello, built the plan, and listens
//	linking     every worker knows the others' addresses and has linked to them
//	running     tasks execute
//	committing  every worker has finished; the output is made visible
//	stopping    something went wrong or the user cancelled; workers are told to stop, then killed
//	aborting    no worker is left; what was written is removed
//	ended       nothing follows
//
// # Invariants
//
//   - C1 OneOutcome: in the effects of a run there is exactly one Commit or one Abort, never both, and one End, which is last.
//   - C2 CommitLast: Commit follows Finished of every worker.
//   - C3 AbortAlone: Abort follows the end of every worker that was ever heard of, or the last deadline.
//   - C4 Silence: after End no event has an effect.
//   - C5 Fence: an event of another epoch has no effect.
//   - C6 Progress: with clock events alone a run that is stopping ends.
//
// # Concurrency
//
// A Machine belongs to one goroutine.
//
// # Failure
//
// The first cause is the one that is told, but for one case: a worker that fails or dies makes its peers complain about their links to
// it, and those complaints may come first. So what a worker says of itself, or its death, takes precedence over what others say of it.
//
// # Not here
//
// Sockets and child processes (control/manager), the worker's side (control/agent), messages on the wire (control/rpc).
package control
