package shuffle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/shuffle/partition"
)

// checkLeaks fails the test if goroutines outlive it.
func checkLeaks(t *testing.T) {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
	})
}

// meeting lets the processes of a test, which are all this one, tell each other where they listen.
type meeting struct {
	addrs []string
	all   sync.WaitGroup
}

func newMeeting(nodes int) *meeting {
	m := &meeting{addrs: make([]string, nodes)}
	m.all.Add(nodes)
	return m
}

func (m *meeting) at(node int) func(string) ([]string, error) {
	return func(addr string) ([]string, error) {
		m.addrs[node] = addr
		m.all.Done()
		m.all.Wait()
		return m.addrs, nil
	}
}

// openAll opens a shuffle between nodes. They are closed when the test ends, whatever state they are in.
func openAll(t *testing.T, nodes int, cfg Config) []*Shuffle {
	t.Helper()
	checkLeaks(t)
	ctx, cancel := context.WithCancel(context.Background())
	m := newMeeting(nodes)
	all := make([]*Shuffle, nodes)
	errs := make([]error, nodes)
	var wg sync.WaitGroup
	for n := range nodes {
		c := cfg
		c.Self = n
		if nodes > 1 {
			c.Token, c.Meet, c.Peers = "secret", m.at(n), make([]string, nodes)
			c.Peers[n] = "127.0.0.1:0"
		}
		wg.Go(func() { all[n], errs[n] = Open(ctx, c) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		for _, s := range all {
			if err := s.Close(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrLeft) && !errors.Is(err, ErrRestarted) && !t.Failed() {
				t.Error(err)
			}
		}
	})
	return all
}

// tiny are limits at which everything waits for everything.
func tiny(ordered bool) Config {
	return Config{Schema: testSchema, Keys: []string{"key"}, Ordered: ordered, SegmentBytes: 64 << 10, FrameBytes: 1024, CreditBytes: 1,
		FlushEvery: time.Millisecond, RoundsAhead: 1}
}

// randomRows makes rows that say who wrote them, in which round and in what place: seq is made of those.
func randomRows(rng *rand.Rand, b *Builder, n int, key func() int64, seq func() int64) *Batch {
	b.Reset()
	for range n {
		appendTestRow(b, key(), seq())
	}
	_ = rng
	return b.View()
}

// owner returns the partition of a row, by the routing that the engine promises.
func owner(t *testing.T, partitions int) func(b *Batch, i int) int {
	t.Helper()
	if partitions == 1 {
		return func(*Batch, int) int { return 0 }
	}
	r, err := partition.NewRouting(partition.KeyGroups(partitions), partitions)
	if err != nil {
		t.Fatal(err)
	}
	hash := make([]uint64, 1)
	return func(b *Batch, i int) int {
		row := b.Slice(i, i+1)
		return r.Task(partition.HashRows(&row, []int{0}, nil, hash)[0])
	}
}

// sink collects what readers got: by partition, and in ordered shuffles by round.
type sink struct {
	mu    sync.Mutex
	parts map[string][]string // by "partition" or "partition/round"
	ends  map[int][]Piece     // by reader
}

func newSink() *sink { return &sink{parts: map[string][]string{}, ends: map[int][]Piece{}} }

func (k *sink) take(reader int, p Piece) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.Rows == nil {
		k.ends[reader] = append(k.ends[reader], p)
		return
	}
	name := fmt.Sprintf("%d/%d", p.Partition, p.Round)
	for i := range p.Rows.N {
		k.parts[name] = append(k.parts[name], describe(p.Rows, i))
	}
}

// readAll reads to the end, and checks what holds for every reader.
func readAll(ctx context.Context, r *Reader, take func(Piece)) error {
	first, count := r.Partitions()
	cti, round := NoCTI, uint64(1)
	for {
		p, err := r.Next(ctx)
		switch {
		case err == io.EOF:
			if _, err := r.Next(ctx); err != io.EOF {
				return fmt.Errorf("after the end: %v", err)
			}
			return nil
		case err != nil:
			return err
		case p.CTI < cti:
			return fmt.Errorf("CTI %d after %d", p.CTI, cti)
		case p.Rows != nil && (p.Partition < first || p.Partition >= first+count):
			return fmt.Errorf("partition %d, want %d from %d", p.Partition, count, first)
		case r.s.cfg.Ordered && p.Round != round:
			return fmt.Errorf("round %d in round %d", p.Round, round)
		}
		if p.Rows != nil {
			for _, vs := range p.Rows.Vs {
				if vs < int64(cti) {
					return fmt.Errorf("vs %d after CTI %d", vs, cti)
				}
			}
		}
		if p.EndOfRound {
			round++
		}
		cti = p.CTI
		take(p)
	}
}
