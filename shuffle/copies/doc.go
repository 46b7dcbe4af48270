// Package copies has peers keep what a node writes for others: the policy replicate=K of edges.
//
// Copies is a shuffle.Copier: every frame of an edge with copies goes, by reference, into a stream of package ringlog/replica, one per edge,
// destination node and core, which brings it to K peers off the path of the data. A new life of the node asks those peers for what its
// former lives have written above the ticks it restarts at (Fetch), and puts it into its logs before its tasks begin (Fetched.Preload), where
// whoever attaches gets it at once.
//
// # Invariants
//
//   - Which peers hold a stream depends on its name, the number of nodes and K alone (Holders): neither the node itself nor, where there are
//     others, the one that the frames are for.
//   - What is leased for copies is at most twice Config.LeaseBytes. A stream that would need more has a gap, and goes on with the next tick.
//   - Copies count in no base (PROTOCOL F4, R29): all that peers hold may vanish at any time.
//
// # Concurrency
//
// Methods may be called from any goroutine, those of one Fetched by one at a time. No goroutine is started here.
//
// # Failure
//
// Whatever peers do not have, or have damaged, is executed again as without copies.
//
// # Not here
//
// How copies travel and are kept (ringlog/replica), links (whoever has the replica.Node), which ticks of them are whole (shuffle).
package copies
