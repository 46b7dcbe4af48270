// Package manager drives the pure machine of package control: it starts the workers of a run, talks to their agents, and commits or
// removes the output.
//
// # Model
//
// Run is one loop that feeds events to control.Machine and carries out its effects. Workers live in a host: Processes starts children of
// the same binary, which dial back over HTTP/2; InProcess runs one agent in this process over a pipe.
//
// A child is told where its manager is by one line of JSON on an inherited pipe, which then stays open: its end tells the child that
// its parent is gone. Children are in the parent's process group and ignore SIGINT: it is the parent that ends them. What a child writes
// on standard error is passed on line by line, but for the stack trace of a crash, of which the first line goes into the run's error.
//
// # Concurrency
//
// Run blocks its caller. All goroutines and children that it started have ended when it returns.
//
// # Failure
//
// A run that fails returns an Outcome with one line that says why; errors of Run itself are about what it was given.
//
// # Not here
//
// Decisions (control), messages (control/rpc), the worker's side (control/agent).
package manager
