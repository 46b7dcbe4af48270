// Package bases simulates the protocol of recovery around the manager's machine and its store, with workers that are nothing but integers:
// what each unit has executed, what its log holds, which images and journal records lie on disk. So a schedule takes microseconds, and
// random search goes where whole clusters under simulation (package simtest) seldom come.
//
// # Model
//
// A World is a random graph of stages over a few nodes. Run first plays a schedule of steps from one seed, among them faults: workers
// killed or frozen at any moment, during recovery too, managers lost and started again from the store, whose workers die with them or live on and are
// taken over, zombies of both, managers that act on beside their successor, commands of two managers in any order, reports lost, repeated and out of order, a store that fails before or after its work, images that cannot be saved or read. One kind of step is starved, one
// unit slow. Then all faults end and the job must come to its end.
//
// # Invariants
//
// After each step, by their names in PROTOCOL: I7 to I13 as far as integers tell. When sources are held and all has settled, every base
// is at its fixpoint (I18), which is computed in another way. At the end the output is complete, and visible once.
//
// # Canaries
//
// Config.Broken breaks one rule. A schedule must find it within a bounded number of seeds, and by what follows from it: with a rule
// broken the invariants are not looked at, only whether the job comes to its end. A manager that heeds reports of workers that another epoch was told is
// none: they are true of the incarnation that they name, and say no more than was so.
//
// # Not here
//
// Rows, order within ticks, links: package simtest. Early trimming and shadow runs, which nothing does yet.
package bases
