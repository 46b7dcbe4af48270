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
// # Images
//
// Freeze makes an image of a state at one moment: it copies the page table and the directory, not the pages. Before the owner changes a page
// for the first time since (touch precedes every write), the page is copied, and the copy goes to the image: what the owner has lent stays
// where it is, nothing can fail in the middle of an operation, and if memory runs out it is the image that is lost. Which pages changed
// since the last Freeze is kept in a roaring bitmap, so an image can be stored as an increment over the one before. The head of an image is
// what lies outside the pages, little endian:
//
//	kind u32 (5 table, 6 multimap), cells a key u32, shift u32, outside u32, buckets u32, peak u32, keys u64, first u64, directory entries u32,
//	pages u32, sides u64; per side {shape, expired, cut, variable bytes, variable rows, rows} u64 each; per page number from 0 on {size u32,
//	class u8, 0 u8, live u16, carved u16, 0 u16}; per directory entry u32
//
// The time indexes are no part of an image: a thaw builds them from the blocks. Nor do they lie in pages: moving through a heap dirties none.
// Neither do free blocks, which a thaw finds out as those that nothing names: giving a block back changes no page. Nor does the oldest block of a key
// that expires change the one after it: that knows by times that nothing is older (blockHeader.olderMax). So pages of rows that come and go in the order of
// time are changed only as they fill, and go to the images that need them without a copy; for their sake, one block in eight may be free in pages
// that did not change since the last Freeze, while others come from new pages.
// A thaw follows every reference and refuses what does not fit; whether the content is the one stored is for the sums of who stored it.
//
// # Invariants
//
// Equal states write equal bytes. Rows of a key are visited newest first, whatever blocks they lie in, so that a restored state emits in
// the order of the original. Nothing is scanned to expire: blocks wait in a heap by the time their last row ends.
//
// # Concurrency
//
// One goroutine at a time uses a Table or Multimap and its Pages. A Frozen may be read and released from any goroutine while the owner goes on:
// a lock orders the copy that a reader makes of a page with the owner's first change of it; all later changes come after that first one.
// The package is pure.
//
// # Ownership
//
// Cells, keys and rows lent by a Table or Multimap are views of its pages, valid until its next change. Freeze ends loans
// for writing. Pages that only images hold count in Bytes until they are given back, see Frozen.Release.
//
// # Failure
//
// ErrFull: Pages had no more memory. ErrDamaged: a snapshot or image that was not written by the same kind of state.
// ErrFrozen: too many images are alive.
package state
