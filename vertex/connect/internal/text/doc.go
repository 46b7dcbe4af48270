// Package text is what the text formats of package connect share: a buffer that reads ahead of rows, and the values in cells.
//
// # Concurrency
//
// A Buffer belongs to one goroutine; the functions on cells are pure and do not allocate.
//
// # Failure
//
// What is not a value is reported by ok false; errors of reading are kept in the Buffer until all before them is used.
package text
