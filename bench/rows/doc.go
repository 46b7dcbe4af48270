// Package rows makes the 32-byte rows that every measurement of the data plane moves, and sums them.
//
// A row is (key, Vs, Ve, value), 8 bytes each. Each column of a stream is an arithmetic progression modulo 2^64 in the row's number:
// so every row is made afresh, no two rows of a stream share a key, and what a consumer sums over any set of whole runs is known in
// closed form, without making the rows a second time.
//
// # Ownership
//
// Fill and Generator write into memory of the caller's; nothing is kept.
//
// # Not here
//
// Measuring. The loops are written for one core without vector instructions, as Go compiles them: they are the bounds "fill" and "sum".
package rows
