package rpc

// Limits are the sizes and paces of a worker, as flags give them. 0 means the runtime's default.
type Limits struct {
	FrameBytes   int
	SegmentBytes int
	CreditBytes  int
	Links        uint8 `json:",omitempty"` // how frames get to other workers, a mode of the runtime; 0: over TCP
	ArenaBytes   int64
	SpillDir     string // empty: no spilling
	LatenessUs   int64
	// DataDir is where workers with recovery keep images and journals.
	DataDir string `json:",omitempty"`
	// JournalPeers is how many other workers keep the journal of each source, in memory; 0: it lies in DataDir.
	JournalPeers int `json:",omitempty"`
	// SnapshotStore is where they keep images instead, as s3://BUCKET/PREFIX; empty: in DataDir.
	SnapshotStore string `json:",omitempty"`
	// ImagePeers is how many other workers keep them instead, in memory; 0: none.
	ImagePeers int `json:",omitempty"`
	// RatePerS paces all sources together, in events per second; 0: as fast as they can.
	RatePerS float64
	// ReportEveryUs is the time between two reports to the manager; 0: the agent's own.
	ReportEveryUs int64 `json:",omitempty"`
}
