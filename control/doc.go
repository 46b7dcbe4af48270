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
// # Recovery
//
// With Config.Recovery the run survives its workers. What the truth is lies in a store: Persist asks for a transaction and Persisted
// answers it; nothing is done on the strength of what is not committed. A lost worker goes the way of a new one, while the others run on:
//
//	lost, failed, silent, stuck   the next incarnation and what bases have advanced to are committed in one transaction
//	registered                    the one before is killed if it lives; spawned, once its process is gone or patience with that has ended
//	Hello, Admit, Start, Ready    with the ticks to restore at, and those that may hold copies, who Admit it; when all listen, Connect for it and Relink for the others
//	Linked, Run                   it executes
//
// Reports of units let bases advance (bases), marks say when units take images (marks). A unit whose image cannot be read goes back to
// its generation before, together with those that feed it.
//
// # Taking over
//
// A machine begins with what the store holds, and with the workers that have outlived the manager before (Recovery.Living). Those of the registered
// incarnation are awaited: Hello with Living is answered by Adopt, and the worker goes on as it is. The others are registered anew, and spawned once all
// who were awaited are there or are replaced; then TookOver is said. A worker whose connection broke comes back the same way.
//
// # Invariants
//
//   - C1 OneOutcome: in the effects of a run there is exactly one Commit or one Abort, never both, and one End, which is last. With
//     recovery there is no Abort, since what was written is for who goes on; a run that fails, is fenced, or whose output was visible before, has neither.
//   - C2 CommitLast: Commit follows Finished of every worker, and with recovery the commit of that in the store.
//   - C3 AbortAlone: Abort follows the end of every worker that was ever heard of, or the last deadline.
//   - C4 Silence: after End no event has an effect.
//   - C5 Fence: an event of another epoch has no effect.
//   - C6 Progress: with clock events alone a run that is stopping ends.
//   - C7 OneTransaction: one Persist is open at a time, and comes again unchanged.
//   - C8 RegisteredFirst: a worker is spawned with the incarnation, and starts at the ticks, that the store has.
//   - C9 OthersRunOn: while a run goes on nobody is told to stop.
//   - C10 Recovers: from every state of a run that goes on, workers and a store that work bring it to its end.
//   - C11 KillsReplaced: while a run goes on, who is killed is not registered any more, in the store too.
//
// I7, I8 and I9 of PROTOCOL are those of bases.
//
// # Concurrency
//
// A Machine belongs to one goroutine.
//
// # Failure
//
// Without recovery the first cause is the one that is told, but for one case: a worker that fails or dies makes its peers complain about their links to
// it, and those complaints may come first. So what a worker says of itself, or its death, takes precedence over what others say of it.
//
// A start that fails because the snapshot store does not answer is no failure of its node for Recovery.StoreAwayNs: it is repeated after pauses that
// grow, and Waits tells so each time. Which image it goes on from stays as it is.
//
// With recovery a run fails only with a node that fails again and again without coming further (the reason of the last time is told), a
// store that fails again and again, an image that cannot be read and has none before it, or a worker that built another plan.
//
// # Not here
//
// Sockets and child processes (control/manager), the store (control/meta), the worker's side (control/agent), messages on the wire (control/rpc).
package control
