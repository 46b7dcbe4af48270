package control

import "math"

// Measured are rates and sizes that lives of a directory have shown. A zero is unknown.
type Measured struct {
	// StartNs is the longest start of a life: process, images, links.
	StartNs int64 `json:"start_ns,omitempty"`
	// BytesPerS is at what rate a worker writes images and reads them back.
	BytesPerS float64 `json:"image_bytes_per_s,omitempty"`
	// Again is how long it takes to execute again what came within one second, in seconds.
	Again  float64         `json:"again,omitempty"`
	Stages []StageMeasured `json:"stages,omitempty"`
	Edges  []EdgeMeasured  `json:"edges,omitempty"`
}

// StageMeasured is of all stages of a name.
type StageMeasured struct {
	Stage string `json:"stage"`
	// ImageBytes are those of the images of its units, with their state.
	ImageBytes float64 `json:"image_bytes,omitempty"`
	// WarmNs is of how long a time its inputs had to be executed again to have its state, when it had the strategy replay.
	WarmNs int64 `json:"warm_ns,omitempty"`
}

// EdgeMeasured is of all edges between stages of two names, as far as they lead to other nodes.
type EdgeMeasured struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	BytesPerS float64 `json:"bytes_per_s,omitempty"`
	// Spilled: its logs did not fit the arena.
	Spilled bool `json:"spilled,omitempty"`
}

// What is taken where nothing was measured. Documented in docs/recovery.md.
const (
	defaultStartNs        = 100e6
	defaultImagesPerS     = 256 << 20 // bytes
	defaultAgain          = 1         // it takes as long as it took
	defaultImageBytes     = 1 << 20   // of each stage
	defaultEdgeBytesPerS  = 16 << 20
	measuredAgainLeastNs  = 100e6 // of ticks: fewer say little, since reports come every 50 ms
	measuredEdgeTicksMost = 1 << 40
	measuredEdgeLeast     = 10 // ticks
)

// MeasuredOf is what a status shows, and what it was chosen from where it shows nothing itself. It may come from a file that anybody wrote:
// whatever is no sensible figure counts as unknown.
func MeasuredOf(s *Status) (m Measured) {
	if s == nil {
		return m
	}
	if s.Choice != nil {
		m = s.Choice.Measured
	}
	if s.Observed.StartNs > 0 {
		m.StartNs = s.Observed.StartNs
	}
	var moved Transfer
	for i := range s.Workers {
		moved.Bytes += s.Workers[i].Writing.Bytes
		moved.Ns += s.Workers[i].Writing.Ns
	}
	if moved.Bytes > 0 && moved.Ns > 0 {
		m.BytesPerS = float64(moved.Bytes) / (float64(moved.Ns) / 1e9)
	}
	o := &s.Observed
	if came := float64(o.Replayed) * float64(s.TickNs); came >= measuredAgainLeastNs && o.ReplayNs > 0 {
		m.Again = float64(o.ReplayNs) / came
	}
	m.Stages, m.Edges = stagesMeasured(s, m.Stages), edgesMeasured(s, m.Edges)
	return m.sane()
}

func stagesMeasured(s *Status, before []StageMeasured) []StageMeasured {
	var all []StageMeasured
	at := map[string]int{}
	for _, b := range before {
		at[b.Stage] = len(all)
		all = append(all, b)
	}
	fresh := map[string]bool{}
	for i := range s.Stages {
		st := &s.Stages[i]
		if _, ok := at[st.Name]; !ok {
			at[st.Name] = len(all)
			all = append(all, StageMeasured{Stage: st.Name})
		}
		if st.ImageBytes == 0 || st.Strategy != "checkpoint" {
			continue
		}
		to := &all[at[st.Name]]
		if !fresh[st.Name] {
			fresh[st.Name], to.ImageBytes = true, 0
		}
		to.ImageBytes += float64(st.ImageBytes)
	}
	for i := range s.Units {
		u := &s.Units[i]
		if n, ok := at[u.Stage]; ok && u.Ask < u.Base && s.TickNs > 0 && uint64(u.Base) < measuredEdgeTicksMost {
			if ns := float64(u.Base-u.Ask) * float64(s.TickNs); ns < math.MaxInt64/2 {
				all[n].WarmNs = max(all[n].WarmNs, int64(ns))
			}
		}
	}
	return all
}

func edgesMeasured(s *Status, before []EdgeMeasured) []EdgeMeasured {
	type names struct{ from, to string }
	var all []EdgeMeasured
	at := map[names]int{}
	for _, b := range before {
		at[names{b.From, b.To}] = len(all)
		all = append(all, b)
	}
	fresh := map[names]bool{}
	for i := range s.Logs {
		l := &s.Logs[i]
		if s.TickNs <= 0 || l.Last < l.First || uint64(l.Last) > measuredEdgeTicksMost || l.Last-l.First < measuredEdgeLeast {
			continue
		}
		n := names{l.Stage, l.ToStage}
		if _, ok := at[n]; !ok {
			at[n] = len(all)
			all = append(all, EdgeMeasured{From: n.from, To: n.to})
		}
		to := &all[at[n]]
		if !fresh[n] {
			fresh[n], *to = true, EdgeMeasured{From: n.from, To: n.to}
		}
		to.BytesPerS += float64(l.Bytes) / (float64(l.Last-l.First+1) * float64(s.TickNs) / 1e9)
		to.Spilled = to.Spilled || l.Spilled > 0 || l.Dropped > 0
	}
	return all
}

// Bounds of what is taken for a measurement.
const (
	measuredTimeMostNs = 24 * 3600e9
	measuredRateMost   = 1e15
	measuredAgainLeast = 0.01
	measuredAgainMost  = 100
)

// sane makes unknown what is out of bounds.
func (m Measured) sane() Measured {
	if m.StartNs < 0 || m.StartNs > measuredTimeMostNs {
		m.StartNs = 0
	}
	m.BytesPerS = rate(m.BytesPerS)
	if m.Again < 0 || m.Again > measuredAgainMost {
		m.Again = 0
	} else if m.Again > 0 {
		m.Again = max(m.Again, measuredAgainLeast)
	}
	for i := range m.Stages {
		m.Stages[i].ImageBytes = rate(m.Stages[i].ImageBytes)
		if ns := m.Stages[i].WarmNs; ns < 0 || ns > measuredTimeMostNs {
			m.Stages[i].WarmNs = 0
		}
	}
	for i := range m.Edges {
		m.Edges[i].BytesPerS = rate(m.Edges[i].BytesPerS)
	}
	return m
}

// rate is a rate or size, 0 if it cannot be one.
func rate(r float64) float64 {
	if r < 1 || r > measuredRateMost {
		return 0
	}
	return r
}

func (m *Measured) stage(name string) StageMeasured {
	for _, s := range m.Stages {
		if s.Stage == name {
			return s
		}
	}
	return StageMeasured{}
}

func (m *Measured) edge(from, to string) EdgeMeasured {
	for _, e := range m.Edges {
		if e.From == from && e.To == to {
			return e
		}
	}
	return EdgeMeasured{}
}
