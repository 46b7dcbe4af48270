// Package bench is the benchmark harness: a catalogue of workloads, the order in which they are measured, and the report.
//
// For each name: warm-up, repetitions of the workload, with its kernels (package kernel) measured in the same run, half of them before and half
// after, as denominators. The median of the repetitions is the result, the spread between them says what it is worth. Facts of the
// machine are measured before the first name.
//
//	bench/measure   what a workload is; medians, clocks        bench/rows     the rows that are moved, and their closed form
//	bench/kernel    the least that a shuffle has to do         bench/plane    ring log, shuffles
//	bench/jobs      whole runs of jobs, as processes           bench/machine  what the machine is, and who else uses it
//	bench/images    snapshots of state                        bench/live     jobs as processes that are followed
//	bench/page      a report as HTML with plots                bench/peers    what a user might pick instead; a module of its own
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
// A report that was compared has "comparison":{"base","notes":[…],"changes":[{"name","unit","movement","base","now","change","p","why"}]}.
//
// # Change
//
// Against another report, a workload is faster or slower only if all of this holds; else it is the same within noise:
//
//   - its repetitions are ranked apart: p <= 0.01 in the two-sided test of Mann and Whitney, which asks nothing of their distribution. So it takes
//     5 and 5 repetitions, or 4 and 7, 3 and 10;
//   - its median moved by more than 5 %, and by more than the repetitions of either report spread;
//   - the ratio to kernels of the same minutes, where Workload.Beside names one, moved at least half as far in the same direction: if it did
//     not, the machine has become slower, not the engine;
//   - no others used more than 5 % of the processors while the worse of the two was measured;
//   - it moved the same way when it was measured once more after all others (Confirm): a machine moves from minute to minute by more than
//     repetitions in a row do, and shows nobody why.
//
// Not comparable: another processor, architecture or number of cores, another unit, another size of the work (Workload.Size), too few repetitions, or only one of the reports has it.
//
// # Noise
//
// A run is noisy if its repetitions spread by more than 15 %, or if others (programs, or other guests of the host) used more than 5 % of the
// processors meanwhile. Figures of a noisy run are reported, and marked.
package bench
