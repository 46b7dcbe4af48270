// Package snapshot keeps what tasks were at certain ticks: files of pages, manifests that say which files count, and stores that hold both.
//
// A snapshot of a task is a file. A full file holds all pages of the task's states; an increment holds those that changed since the snapshot
// at its base tick. A file exists only once a manifest names it, and a manifest names it only once it was written and read back. A restore
// reads a full file and the increments up to the tick wanted.
//
// # Format
//
// Of a file, integers little endian, sums XXH64:
//
//	header  magic "SSSNAP1\n", version u32 (3), flags u32 (bit 0: increment), job u64, tick u64, base tick u64, task u32, parts u32,
//	        bytes of extra u64, sum u64 of the 56 bytes before
//	extra   what the task keeps beside its states, then its sum u64
//	parts   each its head, the sum u64 of that (see package state), and the contents of its pages
//	index   for each part: id u64, flags u32 (bit 0: all pages), 0 u32, bytes of head u64, page records u64, sum u64 of the 32 bytes before; then the
//	        records: page u32, size u32, sum u64 of the content seeded with the 8 bytes before. Size 0: the page is gone. Pages ascend, parts
//	        ascend by id. All lie in the file in this order, so that it says where. Then the sum u64 of the index
//	footer  magic "SSSNAPE\n", page records u64, state hash u64, bytes of the file u64, bytes of the index without its sum u64, sum u64 of all before it
//
// The index comes last, since the writer knows it then, and in one piece: a restore from a disk reads no page but for its content.
//
// The state hash is the XXH64 of the extra's sum and of each part's id, head sum and page sums in order, of the whole state and not only of what
// the file holds: so it tells whether a chain of files gives the state that was frozen.
//
// A manifest is JSON and a line with its sum. It lists the snapshots that exist, by tick: full or base tick, file, bytes, sum, state hash.
// It is replaced by compare-and-swap, so of two writers one learns that it is not alone.
//
// # Invariants
//
// A snapshot in a manifest is complete: its file, and the files of all its bases, are durable and were read back. Files are never changed. A
// file is deleted only when no manifest names it, that manifest being durable. Chains are at most Config.FullEvery files long. Trim
// keeps at least the two newest snapshots; Rewind keeps what is at or below its tick, be it none.
//
// # Concurrency
//
// A Store may be used from any goroutine. A Chain is used by one at a time: by a Writer's goroutine between Submit and done.
// A Loaded is used by one at a time; the pages of a large part are read and checked by a few goroutines, which end with the call.
//
// # Cache
//
// A Dir writes and reads what a file has beyond 16 MiB past the kernel's cache of files, where the file system lets it.
//
// # Ownership
//
// A Writer releases the images given to it. Bytes given to a Store are the caller's own again when the call returns.
//
// # Failure
//
// A crash at any step leaves the manifest of before or that of after; files that no manifest names are left over, and OpenChain deletes them. A
// full or read-only store fails the write and leaves what there was. ErrDamaged names the file and what is wrong with it; a snapshot that cannot
// be read is not replaced by another one, that is for the caller to decide. A crash is taken to lose what was not synced, in whole or in part,
// and to keep what was.
//
// # Not here
//
// When to freeze, which ticks to keep, and which snapshot to restore are the protocol's.
package snapshot
