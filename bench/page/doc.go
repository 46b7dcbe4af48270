// Package page shows a report of package bench as one HTML file that needs nothing else: the style sheet and the plots are inside, nothing
// is fetched, nothing is run. A browser is told so too, by a content security policy. It is a pure function of the report.
//
// # What it shows
//
// What was required and reached; each workload's median, spread, requirements, ratios and, if the report was compared, its change; the machine
// with its own limits. Plots: repetitions of each workload on one axis per unit; ours beside each peer's; and for each axis that workloads
// name points on (measure.Point), their values along it: tasks, sizes, cores, percentiles of latency.
//
// # Plots
//
// They are SVG that takes its colours from the style sheet, so that light and dark and print are one drawing. Rates start at zero on a linear
// axis, or stand on a logarithmic one where they differ by more than 8 times; the axis says which.
//
// # Failure
//
// Text of a report is escaped wherever it stands. Values are those that bench.ReadReport accepts or Measure made: positive and finite.
package page
