// Package journal keeps what source tasks wrote down about their ticks before they closed them (PROTOCOL T7, I3, I4): a Record says which
// rows of which splits made up a tick, in order, so that a later life of the task cuts the same ticks again. A Journal lies on the disk of its node; Peers
// keeps the same records in the memory of other nodes.
//
// # Format
//
// A journal is a folder of segments, 00000001.journal, 00000002.journal, …, of the sources of one stage on one node. Integers are little endian, sums are XXH64.
//
//	header  magic "SSJRNL1\n", version u32, stage u32, job u64, node u32, incarnation u32, sealed u64, number of the
//	        first record u64, 0 u64, sum u64 of the 56 bytes before
//	record  bytes of the body u32, number u64, sum u64 (of the body, seeded with length and number), body: task u32, runs u32, first u64,
//	        last u64, CTI i64, then per run split u32, rows u32; or, where runs is 2^32-1, input: split u32, flags u32 (1: its block goes on
//	        in the next one, 2: the split ends behind it), place u64 of the first byte, bytes
//
// sealed is how many bytes of the segment before this one count: what lies behind them was never acknowledged. Numbers rise by one from record to
// record, over all segments.
//
// At peers, an entry of a replica.Stream is one such record with the number 0; its tick is the last of the record.
//
// # Invariants
//
//   - What Durable covers is on disk: its segment was synced, and so was the folder.
//   - A segment is written by one life only, and never again once there is a newer one: what a dead life still writes is behind `sealed`.
//   - Trim removes whole segments from the front, and never the newest.
//   - Input is trimmed with the tick that was open when it was taken. Whoever takes images keeps in them what it has taken and not used up.
//
// # Concurrency
//
// All methods may be called from any goroutine. Of a Journal, one goroutine writes and syncs: what comes while it does goes into its next round (group commit).
//
// # Ownership
//
// Records given to Append are copied; those that Open returns are the caller's. Input that Open found stays on disk, and is read when it is asked for
// (Input.Load), which works as long as its tick is not trimmed; what Peers hands out is in memory.
//
// # Failure
//
// A record that is torn at the end of the newest segment was not acknowledged, and ends it. Any other damage is an error that names
// file and place. A journal whose last records were cut off looks torn: that it is not is for those to say who have relied on them (vertex/runtime/datadir, by
// bases; vertex/runtime, by what other nodes have closed). When writing or syncing fails, as on a full disk, nothing is acknowledged, Config.Warn hears of it, and everything that is not
// acknowledged goes into a new segment, again and again until it works or the journal is closed: sources wait, nothing is lost.
// Room says whether rows should be added: not while much waits to be written, or, at peers, to be trimmed. The rest of what may be kept is for
// records without rows, by which sources come to the ticks whose images let the journal be trimmed.
package journal
