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
// # Recovery
//
// With Control.Recovery the machine has lost workers replaced: Spawn starts a child with its incarnation, Kill ends one, Persist goes to
// Config.Persist in a goroutine of its own, one at a time. Config.Status gets what is kept and why once a second.
//
// With Spawn.Outlive children outlive this process: the pipe means nothing to them once it is read, their standard error is a file that is followed, and
// they find the next manager by the address that the caller wrote. Survivors of managers before are hosted beside children: attached and killed like
// them, and Lost when their process is gone. A worker whose connection breaks may attach again; commands to it are dropped meanwhile, since
// the machine tells it what it missed.
//
// # Concurrency
//
// Run blocks its caller. All goroutines and children that it started have ended when it returns, but for those of a run that was fenced: the
// workers are another manager's then, and are left alone.
//
// # Failure
//
// A run that fails returns an Outcome with one line that says why; errors of Run itself are about what it was given. An agent of another incarnation
// than its node has is refused for good (rpc.Unwanted), one of another epoch, or beside one that is attached, for now.
//
// # Not here
//
// Decisions (control), messages (control/rpc), the worker's side (control/agent).
package manager
