// Package netio is links between nodes: connections over netpoll that carry frames one way and credits the other, and the pure
// state machines of credit. It is the only importer of netpoll.
//
// An Endpoint belongs to one life of one node of one job. A link from A to B is one connection, which A dials: A's Outgoing
// gathers frames, B's Incoming takes them, and B's messages (package wire) come back on the same connection. There is a link per
// ordered pair of nodes and lane: the ordinary one is lane 0. A link outlives its connections: a cut one is dialled again, with backoff, until somebody closes it.
// Queue and Receiver are the two halves of credit; whoever implements Outgoing and Incoming drives them.
//
// # Format
//
// See package wire. The hello is exchanged on the plain socket, before netpoll gets to see it: netpoll reads without bound, and
// a stranger must not be able to make it; so what is read before the token was shown is at most wire.MaxHelloLen bytes, within
// Config.HelloTimeout, on at most Config.MaxHandshakes connections at a time.
//
// # Invariants
//
//   - Connections of a link are numbered, over the life of the dialling node; no number is used twice, and a lower one than the last
//     is refused. At most one connection of a link is attached at a time: a newer hello cuts the older connection, and waits until
//     its Detach returned.
//   - Every unit that reaches Incoming.Frame was checked: length within the limit, known type, valid frame header or message.
//   - Memory lent by Gather is neither read nor kept after Sent.
//   - Credit (PROTOCOL I17): DATA up to the receiver's open tick never waits for credit, nor behind frames that do (Queue); what goes beyond
//     its grant ends the connection (Receiver). CLOSE follows the DATA of its tick (F16). Sessions are whole (F8): BEGIN tells
//     which frames belong to which.
//
// # Concurrency
//
// A connection has two goroutines: its owner, which attaches, gathers, writes, closes and detaches, and a reader. Two, because
// netpoll blocks in both directions and a reader that waits cannot be woken to write. So calls into an Outgoing or Incoming are:
// Attach; then Gather and Sent (Messages) in one goroutine, concurrently with Receive (Frame) in the other; then, when both
// have ended, Detach. Nothing is called after Detach but the Attach of the next connection. An Endpoint adds one goroutine that accepts and one that watches
// the clock; all of them have ended when Close returns, as have all descriptors.
//
// Wake may be called from anywhere, also under locks: it never blocks and calls nothing.
//
// # Ownership
//
// Pieces of Gather are lent until Sent returns. Bytes given to Frame and Receive are lent until those return; a frame begins at a
// multiple of 8 bytes in memory.
//
// # Failure
//
// A connection ends by: BYE (ErrBye), loss (ErrLost), silence or a stalled write (ErrSilent, ErrStalled), a flood of unread input (ErrFlood), bytes
// that no peer may send (wire.ErrGarbage, wire.ErrOversized, frame.ErrCorrupt), an error or panic of Outgoing or Incoming, which wraps ErrOverrun
// and the like. Each is counted by cause and told by Events.Down. Others are not disturbed. Refused hellos are counted by reason.
//
// A unit must arrive whole within Config.Silence after the one before it: the other end sends a PING when it has nothing to say.
// So half-open connections and peers that drip bytes end alike.
//
// # Why not netpoll's listener and dialer
//
// Its listener closes its descriptor twice, by number: in a process that opens files meanwhile, it closes one of those. Its accepted descriptors lack
// CLOEXEC, its server retries EMFILE in a goroutine that cannot be stopped, and hellos would be read without bound. So net accepts and dials, and
// a duplicate of the descriptor goes to netpoll once the hello is done. Write timeouts are ours too (shutdown by the watch): a
// connection made so has no address, which netpoll's timeout errors dereference.
//
// # Congestion control
//
// Towards loopback addresses a link sends by Reno, which does not pace (Unpaced); to other machines by what their administrator chose.
//
// # Not here
//
// What frames mean, ticks, routing (shuffle); logs (ringlog); TLS. Stripes will be several connections of one link; the connection
// number in the hello leaves room for them. The token keeps clusters and strangers apart; it does not protect against who can read the wire.
package netio
