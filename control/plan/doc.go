// Package plan turns the logical graph of a job into stages and tasks: the runtime.Plan that every worker runs.
//
// # Model
//
// A stage is a graph of operators executed by each of its tasks; between stages rows travel by edges, hashed by key columns. An
// operator joins the stage of its producer whenever the rows that it needs together are together there already:
//
//   - an operator that takes each row for itself always does;
//   - a keyed operator does if its input is distributed by a subset of its keys, followed through projections and renames;
//   - an operator with several such inputs makes one stage of their stages, unless that would close a cycle.
//
// Otherwise the operator gets an edge, and a stage that has the same edge already is preferred to a new one. Sinks end in a stage
// of one task each.
//
// # Invariants
//
//   - The stages and edges form a graph without cycles; stages, and the operators in them, are in topological order.
//   - All inputs of a keyed operator are hashed by the same positions of their keys, so equal keys meet.
//   - No two edges have the same producer, keys and stage.
//   - Plans of equal jobs with equal options are equal on every machine; Fingerprint compares them.
//
// # Concurrency
//
// Build is a function of its arguments; a Plan is immutable. The package is pure, but for what the job's sources do to list their
// splits.
//
// # Not here
//
// Which worker runs a task (control), what runs it (vertex/runtime).
package plan
