// Package extent serves the pages of package state from memory that the garbage collector neither scans nor counts: anonymous mappings, under
// one budget for a node.
//
// # Format
//
// An Arena holds the budget; each core has Pages of its own. Pages maps extents of 2 MiB, aligned to 2 MiB so that the kernel may back them by
// huge pages, and cuts them into units of 16 KiB; a unit is a large page, 4 medium or 16 small ones. Larger pages have mappings of their own.
//
// # Invariants
//
// The sum of all mappings never exceeds the budget. A unit with no page in use is free for any size; an extent without a unit in use is unmapped,
// but for one that each Pages keeps.
//
// # Concurrency
//
// An Arena may be used from any goroutine, a Pages by one at a time.
//
// # Ownership
//
// A page belongs to its taker until Free. Close unmaps all pages: whoever reads one afterwards crashes, so it comes after the last task has ended.
//
// # Failure
//
// Alloc returns nil beyond the budget, or when the kernel has no more. A page that is not the Pages' own, or is freed twice, is a panic: going on
// would hand one page to two owners.
package extent
