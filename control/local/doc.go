// Package local runs a job in this process: what a Go program needs that embeds the engine, and no more.
//
//	j := job.New("counts")
//	...
//	graph, err := j.Build()
//	stats, err := local.Run(ctx, graph, local.Options{})
//
// The job is planned, executed by one worker with a core per processor, and its output committed at the end: files appear under their
// final names only if Run returns nil.
//
// # Concurrency
//
// Several jobs may run at the same time; each has rings, state and cores of its own.
//
// # Failure
//
// The first error of a source, a vertex, a sink or the engine ends the run, with place and value; temporary files are removed. When the context
// ends, so does the run, with the context's cause.
//
// # Not here
//
// Worker processes and their supervision: control/manager and control/agent.
package local
