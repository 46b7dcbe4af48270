// Command streamscope runs jobs of the StreamScope engine, and inspects what the engine leaves on disk and in memory.
//
// The model: main parses the command line (package options), starts the engine through one narrow function (runFunc in engine.go) and
// shows how it goes (package report). It decides nothing about streams.
//
// # Failure
//
// The status is 0 after success, 1 after a failure, 2 where the command line is at fault, 130 after Ctrl-C and 143 after SIGTERM. Each
// error is one line on standard error that says where, what and what to do. Ctrl-C is handled even where it was inherited as ignored;
// the run then ends cleanly and leaves no output, no temporary file and no child. A second Ctrl-C ends the process at once; children
// notice and end by themselves.
//
// # Not here
//
// Jobs (bench/flights), the manager (control/manager), worker processes (control/agent).
package main
