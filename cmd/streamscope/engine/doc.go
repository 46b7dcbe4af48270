// Package engine puts the parts together for one run of a job: the plan (control/plan), the manager (control/manager), and workers
// (vertex/runtime) behind agents (control/agent), in this process or in children.
//
// The model: Run builds the job's graph and plan to learn its stages and fingerprint, starts the manager's loop, and commits or removes the
// output as that decides. A worker, here or in a child (Process), builds the same plan from the same Job and runs its part as a node.
//
// # Ownership
//
// The process of Run owns the output: workers write it under a temporary name that follows from the run's token, and only Run gives it its
// name. Standard output is written by the worker that has the sink.
//
// # Data directory
//
// With Config.Recovery everything that a run goes on from lies in a directory (see data). Run takes its store over, which refuses another job, ends or
// awaits the workers that an earlier manager has left there (alive.go, takeover.go), and goes on; workers of children outlive this process for
// Recovery.ManagerPatience if the output is a file. Output that is not complete is left for the next run.
//
// # Concurrency
//
// One Run at a time in a process. Report is called by one goroutine.
//
// # Failure
//
// Every error is one line. Run returns an error exactly if the output was not committed; without a data directory what was written is removed then.
//
// # Not here
//
// Flags and their relations (cmd/streamscope/options), progress and statistics files (cmd/streamscope/report), jobs (bench).
package engine
