// Package connect joins files and streams to jobs: what sources and sinks of all file formats share.
//
// Files describes a source and FileSink a sink; both are plain data, so that every process of a job builds the same one. The
// format follows from the ending of a path. Formats live in packages of their own, which register themselves when imported:
//
//	import _ "github.com/streamscope/streamscope/vertex/connect/csv" // parquet, jsonl
//
// One file is one split. A file is decoded ahead in goroutines into a bounded number of reused batches; Read never blocks. A
// sink copies or encodes rows in Write and writes them in a goroutine with a bounded queue.
//
// # Format
//
// Times are read as casts of expressions read them (expr.ParseTime): YYYY-MM-DD, then nothing (midnight) or T or a space and
// HH:MM[:SS[.fraction]], then an optional Z or offset, else UTC; years 1 to 9999. They are written as 2006-01-02T15:04:05Z, with a fraction only if it is not 0. Columns of files are found by name, in any
// order; others are ignored and, where the format allows, not decoded. Empty cells and null are nulls; the text "NA" is text.
//
// # Positions
//
// The position of a reader is nine integers: a version; the bytes that the file had; the lane (a row group of Parquet; text has one) and, in it, the byte
// and line of a place at which its decoder can begin; the rows returned since; and what was left out of the split before the place: rows skipped, rows
// diverted, bytes in the split's part of the divert file, which are durable by then. A reader opened there decodes the block again, without
// the rows that were returned. Pipes cannot be read again.
//
// Standard input can be read on by others than who began to (Files.Stdin): its reader is a vertex.TapeReader, whose rows come from a Tape, and that from a Feeder,
// in the process that has the input. Its position has, behind the nine, what tape.go says: the header, and the bytes of the block at hand. What is
// taken are always whole blocks of rows, so that whatever follows begins with a row.
//
// The position of an output is a version (a byte), what the output is of (format and columns, text behind its length, u32), its bytes (u64; on
// standard output the rows written), and what the format adds, integers little endian. Text adds nothing. Parquet adds the tables of the row groups written
// and the rows of the one begun, packed: up to some MiB, so that row groups do not depend on checkpoints.
//
// # Parts
//
// An output whose name ends in a slash is a directory. Each checkpoint with new rows ends a part, a whole file of the format, part-000000.csv and so on,
// which is output as soon as manifest.jsonl lists it. That has a line of JSON for each thing, in this order:
//
//	{"version":1,"token":"…","of":"parts of csv of page string","made":true}
//	{"file":"part-000000.csv","rows":1200,"bytes":34567,"sum":"0123456789abcdef"}
//	{"complete":true,"parts":1,"rows":1200}
//
// A line counts when its end is there; what stands behind the last end is cut off by who goes on. Part after part, the rows are those of the output in one file, in its
// order; where parts end depends on when images were taken. Nothing is visible of a run without checkpoints until it is complete, since its manifest has a
// temporary name until then. The sum is batch.RowSums; it is compared between lives of one run, by one release.
//
// The position of such an output has in place of the bytes the parts that are complete, and adds the rows of the next part that came, and their sum (u64 each): rows of a
// part that a later life began at an earlier position makes again. They are not written again but compared (PROTOCOL T15): the manifest is the registry of what is
// external, and is in one place with it.
//
// # Invariants
//
// An output exists under its final name only after Commit; parts that the manifest lists stay as they are. A file is a function of the rows written, byte for byte: not of how they were
// cut into batches, of checkpoints, or of sinks that died. A split yields the same rows in the same order every time it is read, and the
// same messages, counters and diverted rows, in one life or in several.
//
// # Concurrency
//
// A SplitReader and a Sink belong to one goroutine each; wake functions are called from any.
//
// # Ownership
//
// A batch that Read returned is borrowed until the next Read or Close. Sinks keep nothing of the batches they are given.
//
// # Failure
//
// A bad row is a RowError with its place (`bad.csv:3: delay: got "x", want integer`); by the policy of the source it ends the split, is
// skipped, or is diverted to a file. What is wrong with a file as a whole is an error that begins with its name.
//
// Sinks remove their temporary file in Abort and keep it in Leave; after a kill it is left behind under a name that TempPath tells. Whoever writes
// it holds a lock (flock) on it: a second writer is an error, not damage. A new output takes the place of one left behind; one that is
// continued is cut back to its position, whatever was written behind it. It is an error, with both values, if the file is missing or shorter,
// or the position is of other columns, another format or another version; the file then stays as it is. A position is reported after fsync of the file and,
// the first time, of its directory: it survives a power cut if the disk keeps its word. A disk that is full, or a failing
// fsync, is final for the sink and told by every checkpoint from then on; positions reported before hold.
//
// What a Feeder has read and nobody has kept is lost with its process, as is what was in the pipe. Its successor asks for what follows the last block that was kept, and says
// how much that is (FeederConfig.Told); given all of the input again, it compares that much and passes it over. On a Tape a row of more than 4 MiB is an error whatever the
// policy, since what is left out of it would have to be kept too.
//
// Inputs must not change while a job runs: one that is shorter than it was, or has no line where one began, is refused; other changes go unseen.
// A directory that holds anything but this run's output is refused, and so are parts that are missing, of another size, or have rows other than those that
// come again: an operator that is not deterministic, or an input that was changed.
// Standard output cannot be cut back: it is at-least-once. A task that starts again writes rows behind its position once more.
//
// # Not here
//
// Formats (packages csv, jsonl, parquet), generated rows (generate), the sink that counts only (discard), lateness and CTI (vertex/runtime).
package connect
