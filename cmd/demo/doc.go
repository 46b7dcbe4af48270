// Command demo runs the job `flights` with the built binary, shows the hours in which delays knocked on worst, and compares the whole
// result byte for byte with the committed expectation.
//
// # Failure
//
// The status is 0 only if the run succeeded and every byte is as expected; otherwise the last line says what differs, and where.
//
// # Not here
//
// The job (bench/flights), the command line (cmd/streamscope).
package main
