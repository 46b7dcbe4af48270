// Package parquet reads and writes Apache Parquet files. It is the only one that imports arrow-go.
//
// # Format
//
// Columns are found by name at the top level; only those wanted are decoded. INT32 and INT64 are integers, FLOAT, DOUBLE and INT32 numbers,
// timestamps (ms, µs, ns, with or without UTC; INT96; dates) become microseconds UTC, rounded down; byte arrays are text (which must be UTF-8) or bytes.
// Written files have one row group per 122,880 rows or, if that is sooner, 32 MiB (8 bytes more per row than its values take), zstd, timestamps in microseconds UTC, and nullable columns where the schema has them.
//
// # Concurrency
//
// A row group is a lane: several are decoded at the same time, each by its own goroutine, ahead of the reader. A reader that begins at a position
// decodes its row group from the beginning.
//
// A sink copies rows into chunks; the goroutine of its queue, the only user of the writer, collects them in row groups and writes those.
//
// # Ownership
//
// Values are copied from decoded pages into batches in bulk. The writer hands the buffers of fixed-width columns to arrow-go as they are.
//
// # Failure
//
// Files are hostile until checked: the footer's and pages' own tables are walked before arrow-go sees them, so that no number in a
// file makes it allocate more than the file's size and the page limit allow; a panic in arrow-go becomes an error. A row is bad if
// it has a null, or a value out of range, where the schema does not allow it; rows are counted from 1.
//
// # Not here
//
// Nested columns, decimals, encryption. Divert policy and temporary names: package connect.
package parquet
