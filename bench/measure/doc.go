// Package measure is what all measurements share: what a workload is, what a repetition returns, medians and spreads, and the clocks
// that say who used the processor.
//
// A Workload is opened once, measured a number of times, and closed. A repetition returns one Sample: a value in the workload's base
// unit and ratios, numbers that say what the value consists of (core-nanoseconds per row, bytes per row, share of a bound).
//
// # Units
//
// Values are in base units: rows/s, bytes/s, s, bytes. Ratios have their unit last in their name; those without one are plain
// fractions.
//
// # Not here
//
// The order of measurements and their report (package bench); the workloads themselves.
package measure
