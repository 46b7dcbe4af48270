// Package plane measures the data plane: the ring log alone, the shuffle within a process, the shuffle between two processes.
//
// Producers make every row of every frame; consumers read every column and compare the sums with the closed form of package rows. What
// rows a shuffle within the process carries, and what is done with them, is its load. A repetition is over when the last row made was read.
//
//	ringlog         one goroutine claims, fills and commits frames, another polls, sums and trims
//	shuffle-local   two cores, each a producer task and half of the 64 destination tasks, through shuffle.Exchange
//	shuffle-local-1024  the same with 1,024 destination tasks, and with 64 in the same repetition
//	frame-sizes     shuffle-local in frames of 8 to 512 KiB
//	scaling         shuffle-local on 1, 2, 4, … cores
//	count-local     the same, and the window operator of each task counts its rows by key
//	strings         the same with rows of two strings
//	netio           frames from a ring over a link to another process, credits and all; sums where they arrive
//	tasks, wide     jobs of many tasks in the runtime: package staged
//	shuffle-tcp     a producer in this process, 64 destination tasks in a child process, through links of netio over loopback
//	shuffle-shm     two processes that map each other's rings: references cross the link, rows do not
//	checksums       shuffle-tcp with the sums of frames, and without
//	latency         a job whose rows fall due at half the rate it reaches; see package latency
//	latency-peer    the same with the records of its sources at a peer
//	latency-retain  the same on two nodes, with reliability and without
//	collector       shuffle-local in a process that holds 8 GiB of state and rings: the garbage collector's pauses and share
//	stopped-consumer  shuffle-tcp at a fixed rate to a consumer that stands still for a minute: memory, disk, time to catch up
//
// # Concurrency
//
// Goroutines of a measurement are locked to threads while it lasts, so that each one's processor time is known; cores that exchange rows with
// another process keep to one processor each. A core spins briefly before it
// sleeps, as the other one is about to wake it. The child process is this program's hidden command `bench peer`; it ends when
// its standard input does.
//
// # Failure
//
// Sums that differ from the closed form are an error of the workload: a figure for wrong rows is not reported.
//
// # Not here
//
// The runtime of vertices, but for package staged: a core here is the shortest loop that can drive a port.
package plane
