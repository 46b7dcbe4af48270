// Package images measures what images of state cost, and how fast they come back: snapshots of gigabytes that a core changes meanwhile.
//
// The model: joins whose rows come in the order of time and leave as the time passes, so that what changes lies together: less than a quarter of the pages in
// an interval, which is the eight seconds or more that it takes to make the pairs of its rows. The memory that copies take is that of images before, as it
// is after the first. A repetition takes the same number of rows twice in turn: without an image, and from a freeze on, with the image written by another thread
// meanwhile (an increment over the image before, synced and read back). The ratio of the two times is what is kept of the throughput; the pause is
// the freeze. One core does both the joining of all states; the writer has what is left of the machine.
//
// Beside it, a state whose rows are changed at random: every page changes between two images. And the restore of that state from its newest image,
// from a disk as far as files are large, with all sums and references checked, into new memory: what that alone takes is measured in the same repetition (first_touch).
//
// # Not here
//
// What a whole job pays (bench/jobs, retain).
package images
