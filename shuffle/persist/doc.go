// Package persist keeps what edges carried in an object store, tick by tick, for good: the policy persist. A Persister writes what the source tasks of a
// node send on its edges; a Stream reads it, of a run that has ended or goes on (Open).
//
// The model: what a node sends on an edge is a stream of whole ticks. It is cut into objects of consecutive ticks. An object's name is the first of its
// ticks, and objects are created, never changed: who creates the object that begins where the last one ends has continued the stream, and whoever else
// tries finds out. So the names are the manifest, nothing is written twice, and a day of running costs each new object nothing.
//
// # Format
//
// Names are job-J/stream-E-N/T.ticks, hexadecimal: job, edge, node of the source tasks, first tick. Of an object, integers little endian, sums XXH64:
//
//	header  magic "SSTICKS\n", version u16 (2), flags u16 (bit 0: gap, bit 1: objects before it may have been removed), seconds since 1970 u32, job u64, edge u32, node u32, first tick u64, last tick u64,
//	        incarnation of the writer u32, bytes of about u32, sum u64 of the 56 bytes before
//	about   what the edge is (About), as JSON; zeros up to a multiple of 64
//	frames  DATA frames as they were in the logs, sums included, each at a multiple of 64; by tick. After those of a tick the CLOSE frames that begin
//	        with it, one per log and destination node, with what they say of the object's ticks alone: a close of many ticks may be cut in two
//	index   per tick that has frames: tick u64, offset u64, bytes u64, rows u64, row sum u64 (shuffle.Edge.Sum, all added up), byte sum u64,
//	        frames u32, 0 u32
//	footer  magic "SSTICKE\n", offset of the index u64, entries u64, rows u64, sum u64 of about, sum u64 of the index, bytes of the object u64, sum u64
//	        of all before it in the footer
//
// A gap is an object without frames: its ticks were never persisted, since the edge had another policy. An object whose last tick is frame.MaxTick ends
// the stream. Objects are cut at Config.ObjectBytes; one tick is never cut, however large.
//
// # Invariants
//
//   - Whole ticks only: of tick t everything is there that the node's source tasks sent, closed by all of them, for all destination nodes.
//
//   - One content per tick (I1): the next object begins one tick after the last one, and only one can be created under a name.
//
//   - No gap but those that are said: a unit's image counts as saved only when its ticks are persisted, as that of a sink does when its output is durable. So
//     whatever base a unit restarts at, the stream reaches it, and goes on with what is computed again.
//
//   - What a later life computes again is not written again: its rows are compared with the row sums (the tripwire, shuffle.ErrTripwire).
//
//   - Frames stay in their log, spilled if memory is short, until they are persisted (Exchange.Persisted). That holds the trims of the edge's own logs, and by the
//     images the base of the unit that writes it, and so what that would read again; bases of consumers, and of anybody else, never wait for it.
//
//   - An object goes only if its edge's policy keeps it no longer, nobody will compute its ticks again (Need), and there is a newer one. So what is left is whole from its first tick on.
//
// # Concurrency
//
// Wrote takes calls from all cores; everything else of a Persister belongs to one goroutine, which calls Step, but for Stats and Need. A Stream may be used from any
// goroutine. No goroutine is started here.
//
// # Ownership
//
// A Persister leases a frame for as long as it is read. Batches that a Stream lends are valid until the call returns. Reading holds one tick in memory.
//
// # Failure
//
// A store that fails is tried again, after pauses that grow from a tenth of Config.Age to five times as much as that, for as long as the job has something else to do; nobody waits for it but what is named above and the end of the job, which comes when
// all is persisted, or after EndPatience with ErrStoreGone. After a create that failed, or whose fate is not known, the name is tried again: if it exists, what is in it counts. A crash leaves an
// object, or none; unfinished files are the store's to remove. Objects that are missing in the middle, or damaged, are named errors of the reader (ErrMissing,
// snapshot.ErrDamaged); a writer whose newest object is damaged, or of another version, ends its job with such an error, and writes nothing. A store that does not remove old objects is told of once, and tried again, and holds up nothing. Objects are not read back: what
// the store says is durable is taken to be so.
//
// # Not here
//
// Stores (state/snapshot), what is kept of logs for other reasons (shuffle), when an image counts (who reports it to the manager).
package persist
