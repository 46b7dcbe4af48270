package plane

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// shape is what a measured shuffle looks like. It travels to the child process.
type shape struct {
	Cores        int // within the process
	Tasks        int // destination tasks
	Ordered      bool
	BatchRows    int // rows that a producer makes at a time
	TickRows     int // rows of a producer in a tick
	FrameBytes   int
	SegmentBytes int
	ArenaBytes   int64
	CreditBytes  int
	Ahead        int // ticks that a producer may be ahead of its consumers; between processes, 0: as far as logs and credit let it
	Sums         bool
	SpillDir     string // "": nothing is spilled
}

// edge is the one edge of a measurement; its producers are tasks 0, 1, …, the destinations follow.
const edge frame.EdgeID = 0

func (s shape) edges(producers int) []shuffle.Edge {
	return []shuffle.Edge{{
		ID: edge, Schema: rows.Schema, Keys: []int{0}, Unordered: !s.Ordered,
		Source:      shuffle.TaskRange{First: 0, Count: producers},
		Destination: shuffle.TaskRange{First: frame.TaskID(producers), Count: s.Tasks},
	}}
}

// plant is an exchange with its arena.
type plant struct {
	arena    *ringlog.Arena
	exchange *shuffle.Exchange
	failed   chan error // of links and the arena; the first one counts
}

// newPlant makes a node of an exchange. cfg holds what shape does not say.
func newPlant(s shape, cfg shuffle.ExchangeConfig) (*plant, error) {
	p := &plant{failed: make(chan error, 1)}
	var err error
	p.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: s.SegmentBytes, LimitBytes: s.ArenaBytes, SpillDir: s.SpillDir, OnError: p.fail})
	if err != nil {
		return nil, err
	}
	p.arena.Start()
	cfg.Job, cfg.Incarnation, cfg.Arena = 1, 1, p.arena
	cfg.FrameBytes, cfg.CreditBytes, cfg.LeaseBytes, cfg.Sums = s.FrameBytes, s.CreditBytes, 8<<20, s.Sums
	cfg.DrainedChanged = func() { cfg.Wake(0) }
	cfg.Fail = p.fail
	if p.exchange, err = shuffle.NewExchange(cfg); err != nil {
		return nil, errors.Join(err, p.arena.Close())
	}
	return p, nil
}

func (p *plant) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// err is what a link or the arena reported, if anything.
func (p *plant) err() error {
	select {
	case err := <-p.failed:
		return fmt.Errorf("exchange: %w", err)
	default:
		return nil
	}
}

func (p *plant) close() error { return errors.Join(p.exchange.Close(), p.arena.Close()) }
