// Package datadir keeps a worker's past in a directory of the machine: the images of its units and the journals of its sources.
//
// # Format
//
//	DIR/snapshots            a store of package state/snapshot; a chain per unit, named by the unit's first task; an image is the extra of a
//	                         file and its parts, of which those that changed are written: a file in eight is full. A Config.Store takes
//	                         its place
//	DIR/journal/S-N          a folder of package ringlog/journal: of stage S on node N
//
// # Invariants
//
//   - Before a worker writes anything, images of its units above their restore ticks are removed (what it repeats may differ from them in
//     ticks that nobody had closed).
//   - Saved names images that this life wrote, or that it restored, or may still restore.
//
// # Concurrency
//
// All methods may be called from any goroutine. One goroutine writes images.
//
// # Failure
//
// An image that cannot be read is an *UnreadableError: the manager then goes back to the one before. If the
// store did not answer (snapshot.ErrUnavailable), or one far away refused, nothing is known of the image, and the error is another. An image that cannot be written is reported, tried
// again with growing pauses for up to 5 s, with those of other units behind it, and then left out; the next one is tried again. Journals wait for a disk that is full (package journal).
//
// # Not here
//
// Which ticks to take images at, to restore and to trim (control).
package datadir
