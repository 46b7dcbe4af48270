// Package peers keeps images in the memory of other nodes: a snapshot.Store for workers that have neither a disk nor a bucket in common.
//
// What a unit stores is a stream of package ringlog/replica, of kind Images: its objects are cut into pieces, each an entry. A replica.Guard has K other nodes
// keep the stream, takes it over from them in the next life of its owner, and replaces who is lost. The owner keeps a copy too, from which it reads, and from which a
// new member gets what a lost one had: so one loss leaves K copies, and no base waits for another image.
//
// # Format
//
// An entry's tick is the number of the object that it belongs to, from 1, rising. Its bytes: kind u8 (1 piece, 2 the last one of an object that is created, 3 of one that takes
// the place of another, 4 the object of that name is deleted), length of the name u8, name; of 2 and 3 the bytes of the whole object u64, little endian; then bytes. Sums are those
// of entries.
//
// # Invariants
//
//   - What a call has changed is durable when it returns nil: every member of the active set has verified the sums of all its entries. Before Begun
//     nothing of this life counts: calls that only swap or delete return at once, and become durable in order, with its first set.
//   - Nothing is forgotten before what made it useless is durable.
//   - The objects of a Room take no more than it has, but for those that were taken over.
//
// # Concurrency
//
// Any goroutine may call. Calls wait; callbacks of the Guard do not.
//
// # Ownership
//
// Pieces belong to the stream, and are never changed; an open object holds those it has.
//
// # Failure
//
// What is not durable, while no member acknowledges anything for Config.Patience, fails with snapshot.ErrUnavailable, and so does everything after Close. An object that does not fit
// fails with ErrNoRoom. A life that was overtaken fails with snapshot.ErrConflict. If nobody has any more what former lives left, the store is empty, and says why in what it
// does not find; that is for who wanted something of it.
//
// # Not here
//
// Which set is active (control); when a life is over.
package peers
