// Package state holds the keyed state of operators in pages that the garbage collector does not scan: Table (key -> fixed cells) and
// Multimap (key -> rows with lifetimes), both pointer-free, both paid for by the page.
//
// # Format
//
// A space is a page table in front of pages of 1, 4 or 16 KiB (larger ones for single large blocks), cut into blocks of one power of two
// per page. A ref is (page number, offset / 16) in 32 bits, so a page can be replaced by its copy without touching what refers to it.
//
// A Table is an extendible hash table: a directory, indexed by the top bits of the hash, of buckets of 1, 4, then 16 KiB, which are split
// when full. So a key group is a range of buckets, and no insert ever moves more than one bucket. The directory covers only the range of
// hashes that occur, since a task owns a slice of them.
//
//	bucket  {count u16, capacity u16, depth u8, class u8, -, next u32}, hashes u64[capacity], entries[capacity] {key 16 bytes, cells u64 each}
//	key     up to 15 bytes in place, the last byte is the length; longer ones: ref u32, length u32, and a last byte of 255
//
// A Multimap is a Table whose cell names a chain of blocks, oldest first; rows lie column by column:
//
//	block   header of 64 bytes (blockHeader), Vs[capacity], [Ve[capacity]], cells[capacity] each, …, variable bytes growing down from the end
//
// A snapshot is by value, not by page: entries ordered by (hash, key), rows of a key in the order they were added, none that has expired.
//
// # Invariants
//
// Equal states write equal bytes. Rows of a key are visited newest first, whatever blocks they lie in, so that a restored state emits in
// the order of the original. Nothing is scanned to expire: blocks wait in a heap by the time their last row ends.
//
// # Concurrency
//
// One goroutine at a time uses a Table or Multimap and its Pages. The package is pure.
//
// # Ownership
//
// Cells, keys and rows lent by a Table or Multimap are views of its pages, valid until its next change.
//
// # Failure
//
// ErrFull: Pages had no more memory. ErrDamaged: a snapshot that was not written by the same kind of state.
package state
