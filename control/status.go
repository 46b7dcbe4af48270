package control

import (
	"cmp"
	"slices"

	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// StatusVersion is that of the format of Status.
const StatusVersion = 2

// Status is what a run under recovery keeps, and why: for people, and programs that watch it. It says nothing that the store or the workers do not
// know better.
type Status struct {
	Version int    `json:"version"`
	Job     string `json:"job"` // filled in by who writes it
	PID     int    `json:"pid"` // of the manager; likewise
	UnixNs  TimeNs `json:"unix_ns"`
	Phase   string `json:"phase"`
	Epoch   Epoch  `json:"epoch"`
	// Outcome is "open", "complete" or "finished", as stored.
	Outcome string `json:"outcome"`

	TickNs             int64 `json:"tick_ns,omitempty"`
	TickBytes          int64 `json:"tick_bytes,omitempty"`
	SnapshotIntervalNs int64 `json:"snapshot_interval_ns"`
	LeaseNs            int64 `json:"lease_ns"`

	Recoveries uint64 `json:"recoveries"`
	// Regenerated are those of the recoveries that made again what had been dropped early.
	Regenerated uint64 `json:"regenerated"`
	// Oldest is the unit that keeps the oldest base where it is.
	Oldest OldestBase `json:"oldest"`

	Stages   []StageStatus  `json:"stages"`
	Units    []UnitStatus   `json:"units"`
	Logs     []LogStatus    `json:"logs"`
	Workers  []WorkerStatus `json:"workers"`
	LeftOut  int            `json:"logs_left_out,omitempty"` // of Logs, which are the greatest
	Observed Recovered      `json:"observed"`
	// Choice is what was chosen for a recovery objective; nil without one.
	Choice *objective.Choice `json:"choice,omitempty"`
}

// OldestBase says how far the oldest base lies behind, and who is the reason.
type OldestBase struct {
	Base frame.Tick `json:"base"`
	// Behind is the number of ticks from it to the newest image of any unit: what somebody keeps for it.
	Behind uint64     `json:"behind"`
	Unit   UnitName   `json:"unit"`
	Why    string     `json:"why"`
	Newest frame.Tick `json:"newest_image"`
}

// UnitName is a unit in words.
type UnitName struct {
	Stage string       `json:"stage"`
	Node  frame.NodeID `json:"node"`
}

// StageStatus is a physical stage.
type StageStatus struct {
	Name     string         `json:"name"`
	Source   bool           `json:"source"`
	Nodes    []frame.NodeID `json:"nodes"`
	Edges    []EdgeStatus   `json:"edges,omitempty"`
	Strategy string         `json:"strategy"`
	// ImageBytes are those of the newest images of its units, LogBytes those of its logs for other nodes, JournalBytes those of its journals.
	ImageBytes   uint64 `json:"image_bytes"`
	LogBytes     uint64 `json:"log_bytes"`
	JournalBytes uint64 `json:"journal_bytes"`
	// Expected is how long it takes to come back when the worst placed of its units is lost now.
	Expected Expected `json:"expected"`
}

// EdgeStatus is an edge of a stage, to another one.
type EdgeStatus struct {
	ID     frame.EdgeID   `json:"edge"`
	To     string         `json:"to"`
	Policy shuffle.Policy `json:"policy"`
	// Links: there are units of the two stages on different nodes, between which the policy counts.
	Links bool `json:"links"`
	// Lag is the copy that is furthest behind; nil without copies.
	Lag *HeldCopy `json:"worst_copy,omitempty"`
	// Stream is what is persisted of it on the node where least is; nil where nothing is.
	Stream *HeldStream `json:"worst_stream,omitempty"`
}

// UnitStatus is a unit: what it keeps itself, and why its base is where it is.
type UnitStatus struct {
	UnitName
	Base     frame.Tick `json:"base"`
	Prev     frame.Tick `json:"prev"`
	Executed frame.Tick `json:"executed"`
	Newest   frame.Tick `json:"newest_image"`
	// Ask is the tick after which it asks its inputs when it restarts at Base: less, if what comes between is only executed to have its state.
	Ask     frame.Tick   `json:"ask"`
	Images  HeldImages   `json:"images"`
	Journal *HeldJournal `json:"journal,omitempty"`
	// JournalAt are the nodes that keep the journal in memory; none: it lies on disk.
	JournalAt []JournalMember `json:"journal_at,omitempty"`
	// ImagesAt are those that keep the images in memory; none: they lie in the snapshot store.
	ImagesAt []JournalMember `json:"images_at,omitempty"`
	Failed   string          `json:"image_failed,omitempty"`
	Why      string          `json:"why"`
}

// LogStatus is what the log of a unit keeps for one node.
type LogStatus struct {
	UnitName
	ToStage string       `json:"to_stage"`
	ToNode  frame.NodeID `json:"to_node"`
	Edge    frame.EdgeID `json:"edge"`
	Bytes   uint64       `json:"bytes"`
	Spilled uint64       `json:"spilled_bytes"`
	Frames  uint64       `json:"frames"`
	First   frame.Tick   `json:"first_tick"`
	Last    frame.Tick   `json:"last_tick"`
	// Dropped is the tick up to which it was dropped early, by the policy of the edge; 0: nothing was.
	Dropped frame.Tick `json:"dropped_tick,omitempty"`
	Why     string     `json:"why"`
	// Copies are at other nodes, by the policy of the edge.
	Copies []HeldCopy `json:"copies,omitempty"`
}

// WorkerStatus is a worker.
type WorkerStatus struct {
	Node        frame.NodeID      `json:"node"`
	PID         int               `json:"pid"`
	Incarnation frame.Incarnation `json:"incarnation"`
	State       string            `json:"state"`
	// StoreAwayNs is for how long its snapshot store has not let it start; 0: it has.
	StoreAwayNs int64  `json:"store_away_ns,omitempty"`
	RingBytes   uint64 `json:"ring_bytes"`
	SpillBytes  uint64 `json:"spill_bytes"`
	// CopyBytes is the memory of copies for other nodes. ServedBytes in ServedTicks were had from others when this life began.
	CopyBytes   uint64 `json:"copy_bytes"`
	ServedBytes uint64 `json:"served_bytes"`
	ServedTicks uint64 `json:"served_ticks"`
	// Shadows are what it has made again of what it had dropped early, beside its tasks.
	Shadows []HeldShadow `json:"shadow_runs,omitempty"`
	Writing Transfer     `json:"writing"`
	// Streams are what it persists. StreamsFailing is why the store fails; empty: it does not.
	Streams        []HeldStream `json:"streams,omitempty"`
	StreamsFailing string       `json:"streams_failing,omitempty"`
}

// statusLogsMax bounds the logs that a Status tells of one by one.
const statusLogsMax = 4096

// Status tells what is kept and why; nil without recovery.
func (m *Machine) Status() *Status {
	r := m.rec
	if r == nil {
		return nil
	}
	s := &Status{
		Version: StatusVersion, UnixNs: m.now, Phase: m.phase.String(), Epoch: m.cfg.Epoch, Outcome: r.stored.Outcome.String(),
		SnapshotIntervalNs: r.cfg.SnapshotIntervalNs, LeaseNs: r.cfg.LeaseNs, Recoveries: r.recoveries, Regenerated: r.regenerated, Observed: r.observed,
		Choice: r.cfg.Choice,
	}
	if n := len(m.ticks.Entries); n > 0 {
		s.TickNs, s.TickBytes = m.ticks.Entries[n-1].LengthNs, m.ticks.Entries[n-1].LimitByte
	}
	m.unitStatus(s)
	m.workerStatus(s)
	m.logStatus(s)
	m.stageStatus(s)
	s.Oldest = m.oldest()
	return s
}

func (m *Machine) unitStatus(s *Status) {
	b := m.rec.bases
	for i := range b.stages {
		for _, n := range b.stages[i].Nodes {
			u, id := &b.units[i][n], Unit{StageID(i), n}
			t := UnitStatus{UnitName: m.name(id), Base: u.Base.Base, Prev: u.Prev, Ask: u.Ask(), Executed: u.executed, Newest: u.newestSaved(), Why: m.whyBase(id)}
			t.JournalAt, t.ImagesAt = m.rec.stored.Journals[id].Members, m.rec.stored.Images[id].Members
			if u.unsaved.Tick > u.newestSaved() {
				t.Failed = u.unsaved.Reason
			}
			if h := m.workers[n].held; h != nil {
				t.Images, t.Journal = h.images(StageID(i)), h.journal(StageID(i))
			}
			s.Units = append(s.Units, t)
		}
	}
}

func (h *Held) images(s StageID) HeldImages {
	for _, i := range h.Images {
		if i.Stage == s {
			return i
		}
	}
	return HeldImages{Stage: s}
}

func (h *Held) journal(s StageID) *HeldJournal {
	for _, j := range h.Journals {
		if j.Stage == s {
			return &j
		}
	}
	return nil
}

// copies are those of a log.
func (h *Held) copies(l *HeldLog) (all []HeldCopy) {
	for _, c := range h.Copies {
		if c.Edge == l.Edge && c.Node == l.Node {
			all = append(all, c)
		}
	}
	return all
}

func (m *Machine) workerStatus(s *Status) {
	for n := range m.workers {
		w := &m.workers[n]
		t := WorkerStatus{Node: nodeID(n), PID: w.pid, Incarnation: w.incarnation, State: w.word(), StoreAwayNs: m.awayNs(w)}
		if h := w.held; h != nil {
			t.RingBytes, t.SpillBytes, t.Writing = h.RingBytes, h.SpillBytes, h.Writing
			t.CopyBytes, t.ServedBytes, t.ServedTicks, t.Shadows = h.CopyBytes, h.ServedBytes, h.ServedTicks, h.Shadows
			t.Streams, t.StreamsFailing = h.Streams, h.StreamsFailing
		}
		s.Workers = append(s.Workers, t)
	}
}

// logStatus fills in the logs, the greatest first.
func (m *Machine) logStatus(s *Status) {
	type log struct {
		*HeldLog
		by frame.NodeID
	}
	var logs []log
	for n := range m.workers {
		if h := m.workers[n].held; h != nil {
			s.LeftOut += h.LogsLeftOut
			for i := range h.Logs {
				logs = append(logs, log{&h.Logs[i], nodeID(n)})
			}
		}
	}
	slices.SortStableFunc(logs, func(a, b log) int { return cmp.Compare(b.Bytes, a.Bytes) })
	if over := len(logs) - statusLogsMax; over > 0 {
		logs, s.LeftOut = logs[:statusLogsMax], s.LeftOut+over
	}
	why := map[Unit]string{}
	for _, l := range logs {
		consumer := Unit{l.To, l.Node}
		if why[consumer] == "" {
			why[consumer] = m.whyLog(consumer)
		}
		s.Logs = append(s.Logs, LogStatus{
			UnitName: m.name(Unit{l.From, l.by}), ToStage: m.rec.cfg.Stages[l.To].Name, ToNode: l.Node, Edge: l.Edge,
			Bytes: l.Bytes, Spilled: l.Spilled, Frames: l.Frames, First: l.First, Last: l.Last, Dropped: l.Dropped, Why: why[consumer],
			Copies: m.workers[l.by].held.copies(l.HeldLog),
		})
	}
}

func (m *Machine) stageStatus(s *Status) {
	for i, shape := range m.rec.cfg.Stages {
		t := StageStatus{Name: shape.Name, Source: shape.Source, Nodes: shape.Nodes, Strategy: shape.Strategy.String()}
		for _, e := range shape.Edges {
			to := &m.rec.cfg.Stages[e.To]
			t.Edges = append(t.Edges, EdgeStatus{e.ID, to.Name, e.Policy, shape.links(to), m.worstCopy(e.ID), m.worstStream(e.ID)})
		}
		for _, n := range shape.Nodes {
			if e := m.expected(n); e.total() >= t.Expected.total() {
				t.Expected = e
			}
			h := m.workers[n].held
			if h == nil {
				continue
			}
			t.ImageBytes += h.images(StageID(i)).Newest
			if j := h.journal(StageID(i)); j != nil {
				t.JournalBytes += j.Bytes
			}
			for _, l := range h.Logs {
				if l.From == StageID(i) {
					t.LogBytes += l.Bytes
				}
			}
		}
		s.Stages = append(s.Stages, t)
	}
}

// worstCopy is the copy of an edge's frames that is furthest behind, of those on all nodes.
func (m *Machine) worstCopy(e frame.EdgeID) (worst *HeldCopy) {
	for i := range m.workers {
		h := m.workers[i].held
		if h == nil {
			continue
		}
		for j := range h.Copies {
			if c := &h.Copies[j]; c.Edge == e && (worst == nil || c.LagBytes > worst.LagBytes) {
				worst = c
			}
		}
	}
	return worst
}

// worstStream is how far an edge is persisted on the node where that is least far.
func (m *Machine) worstStream(e frame.EdgeID) (worst *HeldStream) {
	for i := range m.workers {
		h := m.workers[i].held
		if h == nil {
			continue
		}
		for j := range h.Streams {
			if s := &h.Streams[j]; s.Edge == e && (worst == nil || s.Through < worst.Through) {
				worst = s
			}
		}
	}
	return worst
}

func (m *Machine) name(u Unit) UnitName { return UnitName{m.rec.cfg.Stages[u.Stage].Name, u.Node} }

var phaseNames = [...]string{"gathering", "linking", "running", "committing", "stopping", "aborting", "ended"}

func (p Phase) String() string { return phaseNames[p] }

// word is the state of a worker in a word.
func (w *worker) word() string {
	switch {
	case w.down || w.due:
		return "being replaced"
	case w.state < Connected:
		return "starting"
	case w.state == Connected:
		return "running"
	case w.state == Done:
		return "done"
	}
	return "gone"
}
