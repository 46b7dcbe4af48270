// Package report tells a user how a run goes: progress while it lasts, a summary and the --stats file when it has ended.
//
// The model: the engine observes Progress now and then, from any goroutine; a Reporter shows it as a live bar on a terminal and as plain
// lines elsewhere. Messages go through a slog.Handler of the same reporter, so that they do not tear the bar. Stats is the file's content.
//
// # Concurrency
//
// All methods of Reporter may be called from any goroutine. Memory has one sampling goroutine, ended by Stop.
//
// # Failure
//
// A terminal that goes away loses progress, never the run: write errors of progress and messages are dropped. The --stats file is created
// before the run starts, so that a folder that can not be written ends the run before any work, and takes its name by a rename at the end.
//
// # Not here
//
// The result of the job: sinks write it.
package report
