// Package jsonl reads and writes lines of JSON: one object per line, its members the columns.
//
// # Format
//
// Members are found by name, in any order; others are passed over, but must be JSON. A missing member is null. Integers are numbers without
// fraction or exponent; text, times and bytes (base64) are strings; infinities and NaN, which JSON numbers lack, are the strings "inf",
// "-inf" and "nan". A name twice in an object is an error if it is wanted. Empty lines are passed over; a byte order mark is skipped.
// Written lines have the columns in order, without spaces, null as null, lines ended by LF.
//
// # Failure
//
// A bad row is named by its line, counting from 1.
//
// # Concurrency
//
// A file is decoded by one goroutine as one lane. The encoder belongs to one goroutine.
//
// # Not here
//
// Nested columns. Files, divert policy, temporary names: package connect.
package jsonl
