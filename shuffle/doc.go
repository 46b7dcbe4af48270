// Package shuffle is the partitioned exchange: what the tasks of one stage emit reaches the tasks of the next by the hash of a key, tick by
// tick, through ring logs, within a node and between nodes.
//
// An Exchange is a node's part of all edges of a job. It has a Port per worker core and, per other node, an outgoing and an incoming side
// that the links of package netio drive. Inside a port, an outEdge collects rows, sorts them by destination in one pass and writes
// frames into the core's outlog; an inEdge keeps references to the frames that arrived, by tick, and lends their rows in canonical order.
// Nothing is copied between tasks of a node: a reader reads the slice of each column in place, in the writer's ring. Between nodes a frame
// goes from ring to socket as it lies, and from the socket, with one copy, into a receive log, where it is read in place.
//
// # As a library
//
// Open makes an exchange of one edge for a program of its own: writers and readers, within the process or between several, with nothing
// else of the engine. OpenOf does so for rows that are Go structs. See docs/embedding.md. What follows describes the exchange beneath;
// in a Shuffle, the first cores are the writers, the others the readers, a round of an ordered shuffle is a tick, and the ticks of an
// unordered one are cut by a driver that nobody sees (pace). That driver, and the arena's and links', are all the goroutines there are.
//
// # Format
//
// DATA and CLOSE frames as package ringlog/frame and shuffle/batch have them. A DATA frame holds rows of one (edge, node, tick), sorted by
// (source task, destination task); those of an unordered edge by destination only, often with a dense directory. A CLOSE frame holds what
// the source tasks of a core closed on an edge, neighbours merged into ranges, with the rows they sent to that node.
//
// # Invariants
//
//   - CloseLast (I5): a CLOSE follows all rows of its ticks, in the log and on the link.
//   - WholeTick (I6): when a session ends, what it left of open ticks is dropped by every core and sent again.
//   - CloseCountIsSet (I15): what is closed is a vector by source task (progress); closing twice changes nothing.
//   - Canonical order: rows of a task in a tick come by (edge, source task, index), whatever the frames. A gap in a channel's indexes, or
//     closes that count other rows than arrived, end the job.
//   - Nothing blocks: a full log is the return value false, and a wake when there is room.
//   - Where peers hold copies of what an earlier life of the node wrote, Preload puts whole ticks of them into the log before the first own frame. Tasks that
//     compute those again do not write them, and are compared with them (held): a difference is ErrTripwire.
//   - Frames are trimmed when their tick is executed here, or closed there, with Retain only when Need says so; credit returns when a tick is
//     executed.
//
// # Recovery
//
// With ExchangeConfig.Retain frames outlive their reading: whoever restarts asks for them again. ExchangeConfig.Starts says, by edge, after
// which tick a restarted node asks and from which its own tasks emit. Need is the trim point of an (edge, node): below it nobody will ask
// again. Renew fills the queues for a peer's new life with all that is kept; its link sends what the peer says it has not closed, and
// rows of ticks that it has closed are dropped there. Which tick it is safe to restart or to trim at is the manager's matter (package control).
//
// What DropEarly has dropped and a peer asks for (Ask) is made again by tasks of a Shadow, an exchange of its own beside this one: its frames go before those that were
// kept. What such tasks read from other nodes comes on a lane: there (lane) what is kept for this node is sent once more, without trimming or counting anything; here
// (laneEnd) it goes to the shadow that leads the lane. Locks: those of an outgoing before those of its lanes.
//
// # Concurrency
//
// A Port belongs to whoever steps its core. Inboxes, and the two sides of a link, take calls from any core and link under their own
// mutex, once per frame. An Exchange starts no goroutine and reads no clock; a Shuffle
// starts its driver (driver.go), and its methods may be called from anywhere, but those of a Reader from one goroutine at a time.
//
// # Ownership
//
// Append copies rows. Peek lends rows until Consume; frames stay leased while their tick is executed, within ExchangeConfig.LeaseBytes.
//
// # Failure
//
// A peer that sends what no correct one does (bad sums, tables, tasks, offsets, ticks, overrun credit) loses its link, with ErrProtocol,
// frame.ErrCorrupt or netio's errors. A link that was cut resumes at the last closed tick. Logs that fail are reported by
// ExchangeConfig.Fail.
package shuffle
