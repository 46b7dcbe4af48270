// Command peers measures what a user would pick instead of package shuffle, beside it, in one run: Go channels, NATS, gRPC streams, Arrow
// Flight. It is a module of its own, so that nobody else pays for their libraries; `make bench-peers` runs it.
//
// Its report is that of `bench run`: where one of this machine is there already, ours and theirs take their rows of it, the others stay. The
// page shows each of ours above its peers.
//
// The work is that of shuffle-local and shuffle-tcp (package bench/plane): 32-byte rows, every one made afresh, go by the hash of their
// key to 64 destination tasks, which read every column; the sums must equal the closed form. Warm-up, repetitions, medians and the report
// are those of package bench. Each peer is used as its documentation advises for throughput, and is given what it lacks:
//
//	channels-N     in process, 2 producers; a channel and a goroutine per task, slices of N rows, used again
//	nats-local-N   in process, 2 producers, 2 consumers; embedded server, a subject per task, messages of N rows
//	nats-tcp-N     one producer to the server and consumer in a child process, over loopback, likewise
//	grpc-N         one client stream to a child process over loopback, raw codec, messages of N rows
//	flight-N       one DoPut to a child process over loopback, record batches of N rows
//
// Channels and subjects take batches of one task. Streams take blocks of N rows sorted by task, with the number of rows of each task
// beside them, as many rows for one task would make batches of 65,536 rows outgrow every cache.
//
// # What the peers are spared
//
// None of them keeps a log, can replay, or verifies a checksum, as shuffle-tcp does. HTTP/2 gets windows as large as the credit of a link. NATS
// drops what a slow consumer can not take, so its producers are held back by credits of the benchmark's own.
//
// # Concurrency
//
// A measurement between two processes runs this program again with the argument `child`, which ends when its standard input does.
//
// # Checks
//
// `make check-peers` vets and tests this module. It is no part of CI: the first build of these libraries takes more than a minute of two
// cores' time, and nothing depends on it. Run it after a change of packages bench, bench/measure, bench/plane or bench/rows.
//
// # Failure
//
// Wrong sums, a peer's error, a child that ends early: the measurement ends with an error, what was measured before is in the report.
package main
