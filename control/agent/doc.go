// Package agent is the worker's side of control: it follows the manager's commands and tells what becomes of them.
//
// # Model
//
// Serve answers Start with Ready, Connect with Linked, Run with Progress now and then and Finished at the end, and Stop with
// Stopped, after which it returns. Whatever fails is Failed, once; the worker then stays as it is until it is told to stop, so that its
// peers do not lose their links before the manager knows why. A worker with recovery (Recovering) also obeys Mark, Trim, Relink and what else Down has for it,
// and is asked for Reported every Config.ProgressEvery.
//
// # Managers
//
// Every command carries its manager's epoch; those of another than the agent's are not obeyed. With Config.Successor a worker with recovery that runs
// goes on when its connection is lost. The agent then looks for a manager, says Hello with Living, of that manager's epoch, and is under it
// from Adopt on; until then it obeys nobody but Stop. A manager of a lower epoch than was obeyed before is none. After Config.Patience, when the
// manager that was found does not want this incarnation, or when the worker fails meanwhile, Serve ends.
//
// # Concurrency
//
// Serve runs in its caller and joins the goroutines that it starts before it returns, but for those that receive, which end with
// their connections.
//
// # Failure
//
// An agent that loses its manager for good stops its worker and returns the error. Unfinished output is removed then, or left for the next run if the
// worker is one with recovery.
//
// # Not here
//
// What a worker does (vertex/runtime), how its process is started (control/manager), what is decided (control).
package agent
