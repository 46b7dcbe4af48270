// Package partition decides which task gets a row: key columns -> canonical key bytes -> hash -> key group -> task.
//
// All of it is stable across processes, machines and releases, since state, logs and snapshots are laid out by it.
//
// # Format
//
// Canonical key bytes: per key column a byte 0 for null (nothing follows) or 1, then the value: bool one byte 0 or 1; int64, timestamp
// and float64 eight bytes little endian (-0.0 as 0.0, every NaN as 0x7ff8000000000000); string and bytes a u32 length and the bytes.
// Equal keys have equal bytes and unequal keys unequal ones, so keys are compared as bytes.
//
// Hash: no columns 0; one int64, timestamp or float64 column that is not null MixV1 of its eight bytes; everything else XXH64 of
// the canonical bytes. Whether a column may be null does not change its hash, so both sides of a join agree.
//
// Key group: the top bits of the hash. Groups per job: max(4096, next power of two >= 16 x tasks), fixed for the job's life.
//
// # Invariants
//
// A task owns a contiguous range of key groups, hence of hashes; the ranges of all tasks of a stage cover all groups once.
//
// # Concurrency
//
// The package is pure; functions may be called from anywhere, a Routing is immutable.
package partition
