// Package flights is the job that the harness, the demo and the tests run: late departures of US airports, hour by hour, and how many of
// them met a late arrival.
//
// It is written against the public API for jobs alone: nothing in the engine knows it. Its first week and the week's answer are embedded.
//
// # Model
//
// A flight departs at its date and arrives max(30 + distance // 8 + delay, 0) minutes later. An arrival lives for an hour; a departure is a
// point. They pair where the departure falls into the life of an arrival at the same airport. Per hour and airport with a departure, the
// result counts departures, pairs, and the late ones of both (by more than 15 minutes), and has the greatest delay of an arrival in a pair.
//
// # Ownership
//
// The embedded files lie in memory files of the process, made at first use, and stay until it ends.
package flights
