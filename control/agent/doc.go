// Package agent is the worker's side of control: it follows the manager's commands and tells what becomes of them.
//
// # Model
//
// Serve answers Start with Ready, Connect with Linked, Run with Progress now and then and Finished at the end, and Stop with
// Stopped, after which it returns. Whatever fails is Failed, once; the worker then stays as it is until it is told to stop, so that its
// peers do not lose their links before the manager knows why.
//
// # Concurrency
//
// Serve runs in its caller and joins the goroutines that it starts before it returns, but for the one that receives, which ends with
// its connection.
//
// # Failure
//
// An agent that loses its manager stops its worker, which removes unfinished output, and returns the error.
//
// # Not here
//
// What a worker does (vertex/runtime), how its process is started (control/manager), what is decided (control).
package agent
