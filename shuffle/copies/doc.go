// Package copies has peers keep what a node writes for others: the policy replicate=K of edges.
//
// Copies is a shuffle.Copier: every frame of an edge with copies is noted in a stream of package ringlog/replica, one per edge, destination node and
// core, which brings it to K peers off the path of the data, and takes it from the log when its turn comes. So a peer that was away, slow or
// replaced gets all that nobody has trimmed. A new life of the node asks those peers for what its former lives have written above the ticks it
// restarts at (Fetch), and puts it into its logs before its tasks begin (Fetched.Preload), where whoever attaches gets it at once; from there its
// peers get it again.
//
// # Invariants
//
//   - Which peers hold a stream depends on its name, the number of nodes and K alone (Holders): neither the node itself nor, where there are
//     others, the one that the frames are for.
//   - Nothing is leased for copies but what is being sent. A stream takes 72 bytes of memory for each frame that is not trimmed.
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
