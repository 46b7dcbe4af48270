// Package options reads and checks what a user asks of `streamscope run`: text of flags in, a checked Run out.
//
// The model: every flag is kept as the text that was given (Raw), or marked as not given. Parse reads all of them, fills in defaults,
// clamps the defaults to what was given, and reports every complaint at once. It opens nothing and asks the machine nothing.
//
// # Invariants
//
//   - Only values that were given can conflict, and a conflict names both flags with their values: a default gives way.
//   - A Run that Parse returned without error satisfies the relations in limits.go.
//
// # Not here
//
// Whether files exist, whether an arena fits the machine, what a job does with its inputs: the engine tells, when it runs.
package options
