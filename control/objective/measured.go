package objective

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
	defaultStartNs       = 100e6
	defaultImagesPerS    = 256 << 20 // bytes
	defaultAgain         = 1         // it takes as long as it took
	defaultImageBytes    = 1 << 20   // of each stage
	defaultEdgeBytesPerS = 16 << 20
)

// Bounds of what is taken for a measurement.
const (
	timeMostNs = 24 * 3600e9
	rateMost   = 1e15
	againLeast = 0.01
	againMost  = 100
)

// Sane makes unknown what is out of bounds.
func (m Measured) Sane() Measured {
	if m.StartNs < 0 || m.StartNs > timeMostNs {
		m.StartNs = 0
	}
	m.BytesPerS = rate(m.BytesPerS)
	if m.Again < 0 || m.Again > againMost {
		m.Again = 0
	} else if m.Again > 0 {
		m.Again = max(m.Again, againLeast)
	}
	for i := range m.Stages {
		m.Stages[i].ImageBytes = rate(m.Stages[i].ImageBytes)
		if ns := m.Stages[i].WarmNs; ns < 0 || ns > timeMostNs {
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
	if r < 1 || r > rateMost {
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
