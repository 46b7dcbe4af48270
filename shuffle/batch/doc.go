// Package batch defines schemas, columns and batches: rows held column by column in the layout of Apache Arrow.
//
// A Schema is fixed per edge. A Batch is a borrowed view; a Builder collects rows and lends them as a Batch;
// EncodeRows gathers chosen rows into a frame and Decode views a frame in place.
//
// # Format
//
// In a frame the buffers follow the schema: Vs, [Ve], [Diff], then per field [validity bits], [n+1 i32 offsets], values.
// Each buffer begins at a multiple of 64 bytes of the frame. Bits are least significant first; a slice of bits is (buffer, bit
// offset). Offsets of strings are absolute in their data buffer and never rebased by slicing.
//
// # Invariants
//
// A decoded Batch can be read at any row below N without a further check once CheckOffsets has passed.
// Event memory holds no Go pointers.
//
// # Concurrency
//
// Batches may be read by many goroutines; a Builder belongs to one. The package is pure.
//
// # Ownership
//
// A Batch borrows: from a frame while that is leased, from a Builder until its next append or Reset.
//
// # Failure
//
// Decode and CheckOffsets return errors that wrap frame.ErrCorrupt; schemas complain with ErrSchema.
package batch
