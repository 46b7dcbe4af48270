// Package simtest runs a whole cluster in one thread from one seed: the job manager's machine, the workers with their cores, arenas and
// logs, and the links of netio/simnet. It is how interleavings are tested that no machine would show.
//
// A Sim does one thing per step, chosen by the seed: it delivers a message between manager and worker, steps a core, a link or an arena, or lets
// time pass. So message delays, slow cores and slow links are choices of the seed. Limits (segments, arena, frames, credit, ticks,
// admission) are drawn from the seed as well, small by preference (Degenerate).
//
// # Invariants
//
//   - Equal seeds give equal runs, step by step.
//   - A run ends in exactly one Commit or Abort, and with every lease and log given back.
//
// # Not here
//
// Crashes of workers and managers: they come with recovery.
package simtest
