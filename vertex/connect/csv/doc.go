// Package csv reads and writes comma-separated values as RFC 4180 has them.
//
// # Format
//
// The first line names the columns. Cells may be quoted; a quote inside is doubled; lines end with LF or CRLF, and quoted cells may span lines.
// A byte order mark is skipped, as are empty lines, except in files of one column, where they are an empty cell.
//
// An empty cell is null, which only nullable columns take; a quoted empty cell is empty text (or bytes), as PostgreSQL has it.
// Text must be UTF-8. Bytes are base64. Booleans are true and false, in any case.
// Written files end lines with LF and quote only what needs it: commas, quotes, line ends, and empty text. Floats are the shortest text that reads back as the same number.
//
// # Failure
//
// A bad row is named by the line that it begins on, counting lines from 1. When a quote is never closed, the bad row is its first line alone, and
// reading goes on with the next line.
//
// # Concurrency
//
// A file is decoded by one goroutine as one lane. The encoder belongs to one goroutine.
//
// # Not here
//
// Files, divert policy, temporary names: package connect.
package csv
