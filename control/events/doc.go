// Package events says what happens in a run, line by line, for whoever follows it from outside.
//
// # Format
//
// A line is a Happening as JSON. Numbers are below 2^53, so that any reader of JSON takes them as they are. Lines follow the manager: what it heard, then what it decided upon it. A line may be cut off by the manager's
// death; nothing follows it.
//
// # Concurrency
//
// An Observer is called by one goroutine.
//
// # Not here
//
// What is told to people (cmd/streamscope/report).
package events
