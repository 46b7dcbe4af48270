// Package staged measures jobs of several stages and many tasks in the runtime of vertices, within one process.
//
// The job: source tasks make rows; so many stages each turn a row round, key for value, and send it on by the hash of its new key; the last
// stage sums every column. All edges are unordered, the last stage folds: with a thousand tasks on either side, rows of a channel and tick are few.
// A job may be idle: its sources have no rows, and its ticks pass by the clock.
//
// # Concurrency
//
// runtime.Node drives the cores. The readers of sources stop at a time they are given, or when they are told to.
//
// # Failure
//
// Sums that differ from the closed form are an error: a figure for wrong rows is not reported.
//
// # Not here
//
// Shuffles without the runtime, and the process that `wide` has for itself: package plane.
package staged
