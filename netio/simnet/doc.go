// Package simnet is the deterministic twin of netio: nodes and links in memory, stepped by one thread.
//
// A Net has Nodes, which have Links, with the methods of netio.Endpoint and netio.Link; they drive the same netio.Outgoing and netio.Incoming.
// Nothing happens but in Step, which does one thing that can happen, chosen by the caller's random numbers: a connection is made or refused, an end
// gathers, the kernel takes what was gathered, one unit arrives, an end notices that its connection is lost. So delays, and every
// interleaving of the goroutines that netio has, are choices of the seed.
//
// # Invariants
//
//   - Bytes that are lent end lent: what Frame and Receive got is overwritten when they return, so that a user that keeps it is found
//     out; what Gather lent is read only at the step at which the kernel takes it.
//   - Hellos and all units are encoded, checked and decoded by the same functions as in netio.
//
// # Concurrency
//
// All of a Net belongs to one goroutine. Calls out of Step may call Wake, Cut and Close of any link.
//
// # Failure
//
// A cut connection is noticed by its two ends in steps of their own; what is on the way then still arrives, or is lost, as the seed has it: frames,
// and the grants and acknowledgements that come back. Connections are delivered in any order beside each other, each in its own. A bit that is flipped (Link.Flip)
// reaches the receiving end, which has to notice; if it is in a length, what follows is cut in the wrong places, as it would be in a stream of bytes.
//
// # Not here
//
// Clocks: a refused or lost link is dialled again at some later step; silence and stalls do not happen. Whole nodes are killed by dropping
// them with Node.Kill.
package simnet
