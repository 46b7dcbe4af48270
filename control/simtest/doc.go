// Package simtest runs a whole cluster in one thread from one seed: the job manager's machine, the workers with their cores, arenas and
// logs, and the links of netio/simnet. It is how interleavings are tested that no machine would show.
//
// A Sim does one thing per step, chosen by the seed: it delivers a message between manager and worker, steps a core, a link or an arena, makes
// something durable, or lets time pass. So message delays, slow cores, slow links and slow disks are choices of the seed. Limits (segments,
// arena, frames, credit, ticks, admission) are drawn from the seed as well, small by preference (Degenerate).
//
// With Faults the run is one with recovery, and worker processes die at any step, also while they come back: what they had not made durable is
// lost, what they had is on the disk of their node, and the manager has them replaced.
//
// # Invariants
//
//   - Equal seeds give equal runs, step by step.
//   - A run ends in exactly one Commit or Abort, and with every lease and log given back.
//
// # Not here
//
// Crashes of managers, failing disks, partitions.
package simtest
