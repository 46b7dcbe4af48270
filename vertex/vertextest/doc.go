// Package vertextest verifies that a vertex keeps the contract of package vertex.
//
// Verify runs a vertex over the same ticks in many shapes: rows one by one, all at once and cut at random; never saved, and saved and
// loaded into a new instance after every tick; with a roomy outbox, and with one of a single row that refuses every other time. All
// must give the same rows in the same order, the same CTIs and the same snapshots. It also finds a vertex that keeps the batch it
// borrowed (it is overwritten after each call), appends more than there is room for, leaves columns of unequal length, yields without
// need, takes its CTI back or emits an event below it, or loads a snapshot that was cut off. Of a vertex.Imager it takes images as well: loading one
// must give what loading the snapshot gives, also if it was stored only after another tick, and one without its first part must be refused.
//
// # Not here
//
// Whether the output is right: a test compares the Result with what it knows.
package vertextest
