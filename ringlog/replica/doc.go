// Package replica keeps copies of a node's journals and logs in the memory of its peers.
//
// A Stream is a sequence of entries, each with a number, a tick and bytes that mean nothing here. Only its owner appends: a node, one life after the other.
// Tail is the stream at its owner, of one life: entries that somebody may still want; those of a Log are only named, and lie where a Lender finds them. A Sender brings
// them to one peer, in order; a Holder is what a peer keeps, of all streams. These are pure. Node has them all for a process, and drives links (package netio) of an endpoint of its own, so
// that copies never stand before live frames.
//
// A source journal is a stream (Journal): it never gaps, blocks rather than lose, and its owner waits for acknowledgements. A Keeper decides which peers keep the copies (PROTOCOL T7, F12), and a Guard
// does what it wants. Images are the same. Journals go before Logs, and these before Images, but of what a kind that waits and those before it send, it has a quarter. The frames of one
// (edge, destination node, core) are a stream (Log): nobody waits. A peer that was away, slow, or replaced by a new life is sent all that was not trimmed, from
// its owner's log, in order, but for what another holder of the same Log has (SetOthers): that it takes from there, before it answers to the owner's promise; what is lent meanwhile is what one flush takes. If it lacks more than a window, its stream waits for all others and has 1 MiB in flight at most, so that refilling
// does not starve what is new.
//
// # Format
//
// Messages are those of package netio/wire. An entry's sum is the XXH64 of its bytes, seeded with the XXH64 of stream, life, number and tick. Owners make it;
// peers check it when the entry arrives and again when they hand it out.
//
// # Invariants
//
//   - Entries of a life are numbered from 1, by one. A peer takes them in order: an entry names the number of the one before it, as sent to this peer. What was trimmed
//     meanwhile leaves holes that mean nothing.
//   - A peer that promised an incarnation takes nothing from lives below it, ever. It keeps the entries that these left (M19) until it is told to drop them.
//   - Of a Journal and of Images, what was acknowledged stays until the owner drops it, or the peer's process ends: of a life that was overtaken, only the
//     next one may. Of a Log, a peer may drop whatever it likes, oldest ticks
//     first; it then knows above which tick it has everything. What its owner cannot read any more is a gap (FlagGap), behind which whole ticks come again.
//   - Copied(m) is what that life of that peer has, contiguously. Another life of the peer is another Member: one that came back empty does not count (J2).
//
// # Concurrency
//
// Methods of Node, Owned and of the links may be called from any goroutine; there is one lock. Callbacks (Changed, done, take) are called without it, from
// the goroutines of links; those of one request come one after the other. No goroutine is started here. A disk is waited for without the lock, and by no link (Config.Elsewhere).
//
// # Ownership
//
// Bytes given to Append belong to the stream; those given to Note are borrowed until it returns, those of a Lender until Lent.Release. Bytes given to callbacks are
// borrowed until those return.
//
// # Failure
//
// A wrong sum on arrival (ErrDamaged) or a missing entry (ErrGap) ends the connection; the owner sends again from what the peer says it has. What is sent again is summed
// again before: so damage on the way is told from damage where the owner keeps it, which is a gap. A wrong sum when handed out: the entry is gone, and the answer says
// that this copy does not count; of a Log whose owner may live, it and all behind it are dropped, and come again from there, since what comes next does not follow. Other
// bytes under a number that is taken are ErrConflict.
// An owner that a higher life has overtaken is told so (Owned.Fenced).
//
// # Not here
//
// What entries mean (ringlog/journal, shuffle); which peers hold what (control); when a tick is closed.
package replica
