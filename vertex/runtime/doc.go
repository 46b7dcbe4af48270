// Package runtime executes a physical plan on one node: it is the wiring of a worker.
//
// A Worker has Cores. A Core steps the tasks placed on it: it takes in what arrived, executes the oldest tick that is closed on all
// inputs of a stage, downstream first, and reads sources when nothing else is to do. A task's operators are fused: rows pass from outbox to
// operator by call. A Node drives a Worker with goroutines and links; a simulator steps the same Worker in one thread.
//
// # Ticks
//
// Sources cut ticks by bytes or by time and may open one only within the admission window, or if it is the one after the last drained
// (I16). A task executes a tick when every in-edge has closed it: rows in canonical order, then the close with the CTI. Empty ticks
// without a change of CTI are executed as a range. A tick is drained when everything downstream has executed it; that travels back to
// the sources, within a node by Worker.settle, between nodes with the credits.
//
// # Invariants
//
//   - Step never blocks and does a bounded piece of work.
//   - Whatever blocks (a log without room, a busy sink) makes the operators before it yield; the same step goes on later.
//   - Rows have the same positions whatever the cuts of batches and frames, the cores and the moments of back-pressure.
//
// # Quiet
//
// A core touches no task that has nothing to do: source stages rest until a reader, the clock or a drain that somebody waits for wakes them,
// and ticks that are empty for all of them are closed at once. A Node's cores sleep when no step has worked.
//
// # Recovery
//
// With Config.Recovery a worker can go on where another life of its node was. What it needs from outside are a place for images
// (Recovery.Save), journals (Recovery.Journal) and two commands: Mark names a tick after which images are to be taken, Trim says what nobody
// will ask for again. Progress says how far it is.
//
//   - A tick of a source is closed once its record (splits, rows, CTI) is durable; a new life first cuts the ticks of the journal again as
//     they were written down, without admission, and only then new ones (replay.go).
//   - What cannot be read again (vertex.TapeReader) is in the journal itself, before the record of the first tick that has rows of it (tape.go).
//   - A source opens no tick with rows while its journal has no room (Journal.Room). If images that would make room are marked, it comes to them by empty ticks.
//   - At a marked tick each task gives its image between two ticks, without waiting for another; a collector puts those of a unit (a stage's
//     tasks on a node, and its sinks) together. Who passed a mark before it came says so (Progress.Missed).
//   - An image that is loaded is checked against the plan and is not trusted otherwise. It holds CTIs of the in-edges, each operator's state,
//     positions of splits and outputs, and what was counted up to there.
//   - What was dropped early and is asked for is made again beside the tasks, by a worker of its own with the stages that are needed (Shadows, StepShadows).
//   - Frames are kept until they are trimmed, and peers that come back get them again: Node.Relink makes the links with a peer's new life.
//
// # Concurrency
//
// One caller at a time steps a Core; different cores may be stepped at the same time. Wake functions, Mark, Trim, Progress and Stats may be
// called from anywhere.
//
// # Failure
//
// An error of a vertex, source, sink or log ends the worker with that error. A panic of user code does the same (Node). Images that
// cannot be taken are told by Recovery.Lost; the worker goes on.
//
// # Not here
//
// Where images and journals lie: package datadir. Who marks, trims and restarts: package control.
package runtime
