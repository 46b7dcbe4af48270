// Package simtest runs a whole cluster in one thread from one seed: the job manager's machine, the workers with their cores, arenas and
// logs, and the links of netio/simnet. It is how interleavings are tested that no machine would show.
//
// A Sim does one thing per step, chosen by the seed: it delivers a message between manager and worker, steps a core, a link or an arena, makes
// something durable, or lets time pass. So message delays, slow cores, slow links and slow disks are choices of the seed. Limits (segments,
// arena, frames, credit, ticks, admission) are drawn from the seed as well, small by preference (Degenerate).
//
// With Faults the run is one with recovery, and what happens to it is a list of Faults that is drawn beforehand: deaths of workers, of all at
// once, also while they come back; workers that are taken for dead and go on; managers that die while workers live on, or live on beside their successor; links and the way to the manager that are cut for a while, or break; nodes,
// disks, arenas and clocks that are slow, full, damaged or wrong; bits that flip on links and in logs; kinds of action that are starved, and units that hardly get on. What a process had not made durable is lost with it, what it had is on the disk of
// its node, or at peers. A list can be made shorter, so that a run that fails is told as a short story.
//
// # Invariants
//
//   - Equal seeds give equal runs, step by step.
//   - A run ends in exactly one Commit or Abort, and with every lease and log given back.
//   - Of the protocol, as a run goes on: I1 (a tick of a channel has one content, whoever closes it), I4 (no tick is cut twice), I7 (nothing is
//     trimmed that is not committed), I9 and I11 (bases and their images), I12 (nobody asks for what was trimmed), I15 (nobody refuses what a
//     peer sends), I18 (what is held and kept is bounded), and R24a (an image at peers that counts is found by the next life).
//
// A Canary breaks one rule, and the checks or the result have to show it.
package simtest
