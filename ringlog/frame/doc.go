// Package frame defines the unit of log, wire, replica and disk, and the coordinates that name things in it.
//
// A frame is a 64-byte header, tables and buffers, little endian, the same bytes everywhere. The package is pure: it
// encodes, decodes and checks bytes that others own, and starts nothing.
//
// # Format
//
// The header's fields stand in DESIGN order in the offset table of header.go. Payloads by type:
//
//	DATA    sub-batches (24 bytes each: source u32, destination u32, first index u32, first row u32, rows u32, flags u32),
//	        then buffers (8 bytes each: offset u32 from the frame's first byte, length u32), then the buffers, each at a
//	        multiple of 64. Columns follow the edge's schema: Vs, [Ve], [Diff], fields; per column [validity], [offsets], values.
//	        Dense frames have {first destination u32, count u32} and count+1 row starts (u32) in place of sub-batches.
//	PAD     nothing that is read.
//	SCHEMA  the edge's schema as shuffle/batch encodes it.
//	CLOSE   entries of 40 bytes: first task u32, last task u32, first tick u64, last tick u64, CTI i64, rows u64.
//	RECORD  per source task: task u32, splits u32, CTI i64, flags u64, then per split {split u32, pad u32, offset u64}.
//	MARK    empty: the header's tick is a snapshot tick.
//	SYNC    empty: all frames before this one were durable when it was written.
//	END     empty: the writer ended; nothing follows.
//
// # Invariants
//
// A frame whose header passed Header.Valid and whose payload passed the parser of its type can be read without a
// further bounds check. Decoders never panic, whatever the bytes.
//
// # Ownership
//
// Views borrow the bytes they were made from and are valid as long as those are (in a log: while leased).
//
// # Failure
//
// ErrNotWritten: there is no frame (yet). ErrCorrupt: damage or a lying peer.
package frame
