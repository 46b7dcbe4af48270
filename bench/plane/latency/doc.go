// Package latency measures how long it takes from the creation of an event until its consumer may read it: a job of two source tasks and 64
// consumers behind a shuffle, run by the engine as any other job, in ticks by time, at half the rate that the same job reaches.
//
// A repetition first runs the job as fast as it goes, with nothing else changed, and takes half of that rate. Then row n of a source is due
// n / rate after the start, whatever the engine does meanwhile. A consumer takes the time when the engine hands it the rows of a closed tick, and
// counts for each row the time since it was due.
//
// # Coordinated omission
//
// A source that the engine holds up does not move its rows: those that fell due meanwhile are handed over late, and their waiting is in the
// figures. Every row of the run is counted, except those due in its first tenth, in which memory is touched for the first time.
//
// # Clocks
//
// Both ends read the monotonic clock of one process. Rows arrive at the sources every quarter of a millisecond, when a thread of its own wakes
// them, as they would from a network; what a row waits for that counts, too.
//
// # Yardstick
//
// Behind it, threads without an engine have half of a tick's work to do at the end of every tick (bare): what their figures are, the machine takes,
// whoever runs on it.
//
// # Not here
//
// Disks, but of MeasureRetained, whose journals and images are in a folder for temporary files: the records of the sources are in memory, or (MeasureAtPeer) in that of a peer, at the other end of a loopback connection, which has them
// before a tick is closed; the peer is in this process, and its work on these cores. Percentiles are of package hdrhistogram-go, with three digits.
package latency
