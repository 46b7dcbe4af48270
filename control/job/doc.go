// Package job is the public way to say what a job computes: streams of events, the operators between them, and where they end.
//
//	j := job.New("counts")
//	clicks := j.Source("clicks", src)
//	per := clicks.Window("per_hour", job.Tumbling(time.Hour)).GroupBy("page").Aggregate(job.Count("clicks"))
//	j.OrderedSink("sink", per, job.OrderBy("page"), out)
//	graph, err := j.Build()
//
// A job is logical: it names operators and columns, not tasks or processes. Package plan turns the graph into stages and tasks.
//
// # Events
//
// Every row is an event that lives for [Vs, Ve) in event time, microseconds UTC; without Ve it is a point, [Vs, Vs + 1 µs). Joins and
// windows work on lifetimes. Payload columns have fixed kinds; a column that may be empty is nullable, and operators follow that.
//
// # Names
//
// Every operator has a name, unique in its job: statistics, plans and messages use it. An operator that takes the name of its only
// input goes on under that name, so that a projection and a shift of lifetimes can be one stage to the reader of statistics.
//
// # Mistakes
//
// Nothing fails on the way: Build reports every mistake at once, each at the line of the caller's source where it was made.
// An operator whose input is already wrong is not complained about again.
//
// # Invariants
//
// Nodes of a Graph are in topological order: a node's inputs have smaller ids. A Graph is immutable.
//
// # Concurrency
//
// A Job belongs to one goroutine. A Graph may be shared. The package is pure: it opens nothing; a source is asked for its schema alone.
//
// # Not here
//
// Operators and their state (vertex/ops), expressions (vertex/expr), files (vertex/connect), stages and tasks (control/plan).
package job
