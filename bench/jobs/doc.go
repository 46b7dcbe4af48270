// Package jobs measures whole jobs as a user runs them: this program's command `run` as a process, its start and its result included.
//
//	flights      January 2001 where the data stands beside the repository, else the embedded week
//	flights-6x   the same rows six times, each time a month later, in one file that the harness makes
//	recovery     the same twelve times, by three workers over a data directory, one of which at a time is killed or stopped
//	replicate    the same twelve times, by three workers: with copies at peers, against retain and against no reliability
//	replica      the same twelve times, by two workers, with copies at a third that has no tasks: it runs, stands still for four fifths of the time, or
//	             altogether, until its lease is over and another takes its place, which is refilled and stopped in turn
//
// # Gaps
//
// The gap of a fault is the longest time for which the last stage executed nothing that it had not executed before, from the fault until the victim's
// successor has executed more than the victim had (live.Outage). It includes reading back the state, and is seen through reports that come every 50 ms:
// steady_gap_… are the times between two of them without faults. The next fault comes 0.5 to 2.5 s after one is over, and not before all workers
// have executed something beyond their newest image. Tasks elsewhere are those of the other workers, when the victim is not the one with the source; they stand if
// they execute no tick in an outage with a gap of more than 150 ms.
//
// # Failure
//
// A run that exits with another status than 0, or says it read another number of rows than the file has, is an error; so is another output after faults than without.
package jobs
