// Package jobs measures whole jobs as a user runs them: this program's command `run` as a process, its start and its result included.
//
//	flights      January 2001 where the data stands beside the repository, else the embedded week
//	flights-6x   the same rows six times, each time a month later, in one file that the harness makes
//
// # Failure
//
// A run that exits with another status than 0, or says it read another number of rows than the file has, is an error.
package jobs
