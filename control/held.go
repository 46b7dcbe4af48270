package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Held is what a worker keeps: for others that may ask again, and for its own next life. Only figures: no decision hangs on them, and the
// newest is as good as all.
type Held struct {
	// Logs are those with frames for other nodes, the greatest HeldLogsMax of them; LogsLeftOut are the others.
	Logs        []HeldLog `json:",omitempty"`
	LogsLeftOut int       `json:",omitempty"`
	// Journals and Images are of its units.
	Journals []HeldJournal `json:",omitempty"`
	Images   []HeldImages  `json:",omitempty"`
	// Copies are those that peers keep of Logs, the HeldLogsMax that are furthest behind; CopiesLeftOut are the others.
	Copies        []HeldCopy `json:",omitempty"`
	CopiesLeftOut int        `json:",omitempty"`
	// Streams are what is persisted here, the HeldLogsMax that are furthest behind. StreamsFailing is why the store fails; empty: it does not.
	Streams        []HeldStream `json:",omitempty"`
	StreamsFailing string       `json:",omitempty"`
	// CopyBytes is the memory that copies for peers take here. ServedBytes in ServedTicks were had from peers when this life began.
	CopyBytes, ServedBytes, ServedTicks uint64
	// Shadows are what this life has made again of what it had dropped early, at most HeldLogsMax of them.
	Shadows []HeldShadow `json:",omitempty"`
	// RingBytes is the memory of all its logs, SpillBytes the length of its spill file: also of what is under way within the node.
	RingBytes, SpillBytes uint64
	// Writing: images written by this life, from when their turn came until they were read back and counted.
	Writing Transfer
}

// Transfer is how many bytes were moved in how long.
type Transfer struct {
	Bytes uint64 `json:"bytes"`
	Ns    int64  `json:"ns"`
}

// HeldLog is what a unit's log keeps of an edge for the tasks of one node.
type HeldLog struct {
	Edge     frame.EdgeID
	From, To StageID
	Node     frame.NodeID // of the consumer
	Bytes    uint64       // of frames, as they were written
	Spilled  uint64       // of Bytes: on disk
	Frames   uint64
	// First and Last are the ticks that the frames are of.
	First, Last frame.Tick
	// Dropped is the tick up to which frames were dropped before nobody needed them; 0: none were.
	Dropped frame.Tick `json:",omitempty"`
}

// HeldCopy is how far a peer is with the copies of what goes to a node on an edge.
type HeldCopy struct {
	Edge frame.EdgeID `json:"edge"`
	Node frame.NodeID `json:"to_node"` // of the consumer
	Peer frame.NodeID `json:"at_node"`
	// Linked: the peer listens. What it does not have is LagBytes of LagTicks; Gaps is how often something was left out, which could not be read.
	Linked   bool   `json:"linked"`
	LagBytes uint64 `json:"lag_bytes"`
	LagTicks uint64 `json:"lag_ticks"`
	Gaps     uint64 `json:"gaps"`
}

// HeldStream is how far what a node sends on an edge is persisted.
type HeldStream struct {
	Edge    frame.EdgeID `json:"edge"`
	Through frame.Tick   `json:"through"`       // persisted up to it
	Whole   frame.Tick   `json:"whole"`         // closed up to it
	Bytes   uint64       `json:"waiting_bytes"` // in the logs, of
	Frames  uint64       `json:"waiting_frames"`
	Objects uint64       `json:"objects"` // written by this life, of
	Written uint64       `json:"written_bytes"`
}

// HeldShadow is what shadow runs have made again of an edge for the tasks of one node: ticks First to Last, of all of them.
type HeldShadow struct {
	Edge  frame.EdgeID `json:"edge"`
	Node  frame.NodeID `json:"to_node"`
	Runs  uint64       `json:"runs"`
	Lanes uint64       `json:"for_shadow_runs"` // of Runs: for those of that node, which read it
	First frame.Tick   `json:"first_tick"`
	Last  frame.Tick   `json:"last_tick"`
}

// HeldJournal is the journal of a unit of a source stage.
type HeldJournal struct {
	Stage       StageID
	Bytes       uint64
	Records     uint64
	First, Last frame.Tick
	// Waiting bytes are not written yet. Full: no rows are taken until that is so, or, at peers, until images let what is kept be trimmed.
	Waiting uint64 `json:",omitempty"`
	Full    bool   `json:",omitempty"`
	AtPeers bool   `json:",omitempty"`
}

// HeldImages are the images of a unit.
type HeldImages struct {
	Stage       StageID
	Count       int
	Bytes       uint64 // of all
	Newest      uint64 // bytes of the newest
	First, Last frame.Tick
}

// HeldLogsMax bounds what a report says of logs.
const HeldLogsMax = 512

// valid reports what does not fit the run.
func (h *Held) valid(stages, nodes int) error {
	if h == nil {
		return nil
	}
	if len(h.Logs) > HeldLogsMax || len(h.Journals) > stages || len(h.Images) > stages {
		return fmt.Errorf("held: %d logs, %d journals and %d chains of images, want at most %d, %d and %d",
			len(h.Logs), len(h.Journals), len(h.Images), HeldLogsMax, stages, stages)
	}
	if len(h.Copies) > HeldLogsMax || len(h.Streams) > HeldLogsMax || len(h.Shadows) > HeldLogsMax {
		return fmt.Errorf("held: %d copies, %d streams and %d shadow runs, want at most %d of each", len(h.Copies), len(h.Streams), len(h.Shadows), HeldLogsMax)
	}
	for _, l := range h.Logs {
		if int(l.From) >= stages || int(l.To) >= stages || int(l.Node) >= nodes {
			return fmt.Errorf("held: a log from stage %d to stage %d on node %d, of %d stages and %d nodes", l.From, l.To, l.Node, stages, nodes)
		}
	}
	for _, j := range h.Journals {
		if int(j.Stage) >= stages {
			return fmt.Errorf("held: a journal of stage %d of %d", j.Stage, stages)
		}
	}
	for _, i := range h.Images {
		if int(i.Stage) >= stages {
			return fmt.Errorf("held: images of stage %d of %d", i.Stage, stages)
		}
	}
	return nil
}
