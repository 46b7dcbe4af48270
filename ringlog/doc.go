// Package ringlog keeps streams in memory-mapped segments: one writer per log, readers everywhere, no network.
//
// An Arena owns fixed-size segments of mapped memory. A Log is a chain of segments, written by one goroutine: claim room for a
// frame, fill it in place, commit it with one store. Readers poll with a callback or lease single frames. Trimming is per
// chain, so a segment returns to the arena as soon as nobody needs any frame of it, wherever it lies in the log. What does
// not fit in memory is spilled to disk by Arena.Step, never by the writer.
//
// # Format
//
// A position (frame.Pos) counts whole segments: pos = number * segment bytes + offset in the segment; Layout converts. So the
// first frame of segment n is at n*size + 4096. All integers are little endian.
//
//	segment   [header 4 KiB][frame]...[frame][PAD, up to the footer][footer], size a power of two, 64 KiB or more
//	frame     see package frame; the next one begins at pos + align64(len)
//
//	header    off size
//	            0    8  magic "SSRINGS1"; zero: the segment is free
//	            8    4  version, 2
//	           12    4  flags: 1 = relay (frames received from other nodes, verbatim)
//	           16    8  job
//	           24    4  node
//	           28    4  core
//	           32    4  log incarnation
//	           36    4  zero
//	           40    8  segment number
//	           48    8  base position: number * size
//	           56    8  size in bytes
//	           64    8  XXH64 of the 64 bytes before it, magic included
//	          128   32  checkpoint slot 0: {sequence, committed position, trimmed position, XXH64 of the three}
//	          192   32  checkpoint slot 1; the valid slot with the greater sequence counts
//
//	footer    at the end of the segment, begins at a multiple of 64
//	          per chain 32 bytes: edge u32, destination node u32, least tick u64, greatest tick u64, first entry u32, entries u32
//	          per frame 4 bytes: its offset in the segment; grouped by chain, ascending
//	          zeroes
//	trailer   the last 64 bytes: magic "SSRINGF1", segment number u64, footer offset u32, end of frames u32 (the PAD's offset),
//	          chains u32, frames u32, incarnation u32, zeroes, and at 56 XXH64 of the footer up to here
//
// The first 8 bytes of a frame (len, type, flags, sub-batches) are one word, stored last: 0 never written, len < 0 claimed,
// len > 0 committed. Room for the PAD's header and the footer is set aside before a frame is claimed, so sealing always fits.
// In relay logs the frames keep the position and incarnation of the log they came from; their place in this log is known
// to the process alone, and there is no recovery scan of them.
//
// # Invariants
//
//  1. One goroutine claims, commits, appends and checkpoints a log; everything else may be called from anywhere.
//  2. Committed frames never change. A reader touches only what lies below the committed position.
//  3. The word after a claimed frame is zero before the claimed frame's own word becomes positive.
//  4. Segment numbers grow by one and are never used twice; frames of a segment carry the incarnation of its header.
//  5. A segment is reused only when it is sealed, all its chains are trimmed beyond their greatest tick in it, and no lease
//     is held on it. The greatest tick and the liveness are kept per segment and chain, not per frame.
//  6. Trim bounds and the committed position only grow.
//  7. Every log can hold its reserve (two segments or more) whatever the others do: what other logs hold beyond their own
//     reserves never exceeds what all reserves leave.
//  8. Memory is populated when it is allocated: a shortage is an error of Step or NewArena, not a fault later. 16 MiB of what
//     is available are left to the rest of the process.
//
// # Segment states
//
// segment.refs counts the leases and carries two flags. Its life: free -> (take) open -> sealed -> dead -> free. A lookup
// increments first and verifies owner and number after; an increment that hit a dead or reused segment is undone. Dead
// becomes free by a compare-and-swap of exactly "dead, no lease", which one party wins. Segment structs live as long as their
// arena, so a stale pointer is harmless. Spilling turns a sealed segment without leases into a dead one whose frames
// are on disk.
//
// # Other processes
//
// Share holds a segment for a process of the same host, which maps its descriptor (Foreign) and reads frames where they lie. A held
// segment is leased: neither reused nor spilled; so at most half of an arena is held. When the holder vanishes without having said that it
// is done, the segment is retired: given back to the system after its last frame is trimmed, instead of being used again.
//
// # Concurrency
//
// Lock order: Log.mu before Arena.mu before spill store locks. Wake callbacks run without any lock, on the goroutine that freed a segment (a
// trimmer, a releaser, or the driver): they must not block. Claim and Commit take Log.mu and Arena.mu once per segment; Acquire
// and Release of resident frames take none; Trim takes Log.mu. Step is for one goroutine: Start's driver or a simulator.
//
// # Ownership
//
// Claim's bytes belong to the writer until Commit or Abandon. A Lease's bytes stay valid until Release; Poll's until the callback
// returns. Append copies. Mappings are never shrunk, nor unmapped while leased.
//
// # Failure
//
// ErrNoSegment is expected: yield, retry after Wake. A fault on a mapping (a foreigner truncated the file, the memory is bad) is
// turned into ErrPoisoned of that log; Guard does that for callers that touch frames. The faulty segment is not reused.
// A disk error while spilling is reported to OnError; the frames stay in memory, and nothing is lost.
//
// Segments of the Tmpfs backing survive the death of their process (not of the machine) as DIR/*.seg. What a death can leave:
//
//	C0  magic zero, or an empty file       free, or its new header was not finished, or it has no room yet: removed
//	C1  header, first word zero            an empty segment
//	C2  claimed word (len < 0)             a claim that was never committed: the log ends here
//	C3  claimed, filled, not committed     as C2
//	C4  word committed, position not       the frame counts
//	C5  footer without PAD                 not sealed: scanned like an open segment
//	C6  PAD, no next segment               sealed; the log ends with it
//	C7  next header without magic          as C0
//	C8  a frame whose sum fails, in the    torn (pages of a file on a real disk): the log ends before it, unless the position
//	    last segment                       was acknowledged or lies below a checkpoint: then ErrCorrupt
//	C9  a bad frame in an earlier segment  ErrCorrupt: the next segment is begun only after this one was sealed
//	C10 death while recovery sealed the    as C5 or C6: sealing is repeatable
//	    last segment
//
// Recovery: (1) read all headers of the directory, ignore free files, refuse damaged ones; (2) order the log's segments by number,
// check that incarnations do not fall; (3) scan each while len > 0 and position, incarnation and (where set) sum hold; (4)
// seal the last one where it ends; (5) go on in a new segment under a new, greater incarnation. Holes between numbers are
// trimmed segments. Trim bounds are not kept: the owner trims again.
//
// # Not here
//
// Durability against loss of the machine (ringlog/replica, state/snapshot), links, credits, the meaning of payloads.
package ringlog
