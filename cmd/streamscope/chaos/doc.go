// Package chaos runs a job as real processes, hurts them at random moments, and compares the result with that of a run without faults.
//
// # Model
//
// A round is one job over one data directory: the manager (`run`) with its workers, started again after it was killed, until the job ends. Rounds follow
// each other until the faults asked for were injected; each must leave the faultless output, byte for byte. All choices come from one seed; what the
// machine does with them does not.
//
//	kill     SIGKILL of a worker
//	stop     SIGSTOP of a worker for longer than its lease: the manager must replace it, and the zombie must do no harm
//	cut      all links of a worker are cut
//	full     a worker's files cannot grow for a second, as on a full disk
//	manager  SIGKILL of the manager alone, whose workers go on; the command is repeated within about a second, and takes them over
//	group    SIGKILL of the whole process group; the command is repeated
//	task     SIGUSR2 to a worker: the task that executes rows next panics, as an error in it would have it do. Its unit, and so the worker, is replaced (decision 0008)
//
// With Netns manager and workers have a network namespace each, with addresses of their own, and cables to one bridge. The network is hurt for a random time,
// shorter than a lease or longer:
//
//	down       a worker's cable is pulled: it hears nobody, nobody hears it, and no connection ends by that
//	loss       a share of the packets between two workers is lost, one way or both
//	partition  nothing gets from one worker to another, not even what acknowledges the other way; both reach the manager
//	delay      all packets from and to a worker come up to 0.4 s late, each by another time, so that they overtake each other; this process carries them
//
// A kill counts only if its victim had executed ticks since its newest image: else there would be nothing to recompute.
//
// # Figures
//
// The gap of a fault is the longest time for which the last stage executed nothing that it had not executed before, from the fault until the worker, or its
// successor, has executed more than the worker had (live.Outage), and the network is whole again; of the manager or a group, the time to the first such report. Reports come every 50 ms.
//
// With a Duration there is one round, as long as that: once a second the resident memory of all processes and the disk of the data directory are noted. Either is
// flat unless the last quarter of the run is ranked above the one before (ten means of each, Mann and Whitney, p <= 0.01) and its median is more than 5 % higher.
//
// # Not here
//
// Simulated faults (control/simtest).
package chaos
