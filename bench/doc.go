// Package bench is the benchmark harness: a catalogue of workloads, the order in which they are measured, and the report.
//
// For each name: warm-up, repetitions of the workload, with its kernels (package kernel) measured in the same run, half of them before and half
// after, as denominators. The median of the repetitions is the result, the spread between them says what it is worth. Facts of the
// machine are measured before the first name.
//
//	bench/measure   what a workload is; medians, clocks        bench/rows     the rows that are moved, and their closed form
//	bench/kernel    the least that a shuffle has to do         bench/plane    ring log, shuffles
//	bench/jobs      whole runs of jobs, as processes           bench/machine  what the machine is, and who else uses it
//
// # Time
//
// Options.Duration is that of one repetition. Warm-up, kernels and facts of the machine together take less than twice that, per name.
// A repetition of a whole job takes as long as the job does, if that is longer.
//
// # Format
//
// A report is {"machine":{…},"runs":[{"name","unit","median","spread","ratios":{…},"samples":[…],"noisy"}]}: median and samples in base
// units (rows/s, bytes/s, s), spread = (greatest - least) / median. Ratios carry their unit in their name; those without one are fractions.
//
// A run may have "requirements":[{"of","must","stretch","at_most","got","verdict"}]: what the median ("of" empty) or a ratio must reach and
// whether it did: "missed", "met", "stretch" (both reached), "unmeasured". And "points":[{"by","at","of","line"}]: where they stand on plots.
//
// # Noise
//
// A run is noisy if its repetitions spread by more than 15 %, or if others (programs, or other guests of the host) used more than 5 % of the
// processors meanwhile. Figures of a noisy run are reported, and marked.
package bench
