package plane

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// localCores is the number of cores of shuffle-local: each is a producer and half of the consumers.
const localCores = 2

// localShape keeps what a tick brings within the caches of the two cores.
func localShape(ordered bool) shape {
	return shape{
		Cores: localCores, Tasks: 64, Ordered: ordered, BatchRows: 1024, TickRows: 14336, FrameBytes: 256 << 10,
		SegmentBytes: 1 << 20, ArenaBytes: 16 << 20, CreditBytes: 1 << 20, Ahead: 2,
	}
}

// local is one repetition of a shuffle within the process.
type local struct {
	*plant
	load  load
	cores []*core
	stop  atomic.Bool
}

func newLocal(s shape, carried load) (*local, error) {
	l := &local{load: carried}
	for range s.Cores {
		l.cores = append(l.cores, &core{shape: s, spin: newSpinner(), stop: &l.stop})
	}
	edges, cluster := s.edges(s.Cores), shuffle.Cluster{Nodes: 1, Cores: s.Cores}
	edges[0].Schema, edges[0].Keys = carried.schema()
	var err error
	l.plant, err = newPlant(s, shuffle.ExchangeConfig{
		Cluster: cluster, Edges: edges,
		Wake:     func(c int) { l.cores[c].spin.wake() },
		WakePeer: func(frame.NodeID) {},
	})
	if err != nil {
		return nil, err
	}
	for i, c := range l.cores {
		c.port, c.peers = l.exchange.Port(i), l.cores
		c.producer = newProducer(frame.TaskID(i))
		c.producer.generate = carried.maker(c.producer.task)
		c.consumer = newConsumer(cluster.On(edges[0].Destination, 0, frame.CoreID(i)), s.Ordered)
		if c.consumer.fold, err = carried.reader(c.consumer.tasks); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return l, nil
}

// run drives the cores until the rows that were made within d are read.
func (l *local) run(d time.Duration) (cpu time.Duration, err error) {
	var wg sync.WaitGroup
	var total atomic.Int64
	errs := make([]error, len(l.cores))
	until := time.Now().Add(d)
	for i, c := range l.cores {
		c.until = until
		wg.Go(func() {
			used, err := timed(func() error { return c.run(func() bool { return true }) })
			total.Add(int64(used))
			if errs[i] = err; err != nil {
				l.stop.Store(true)
			}
			for _, other := range l.cores {
				other.spin.wake()
			}
		})
	}
	wg.Wait()
	return time.Duration(total.Load()), errors.Join(append(errs, l.err())...)
}

// check compares what was read with what was made, and returns the number of rows.
func (l *local) check() (uint64, error) {
	var made []uint64
	for _, c := range l.cores {
		made = append(made, c.producer.made)
	}
	return l.load.check(made)
}

func (l *local) close() error {
	l.load.close()
	return l.plant.close()
}

// measureLocal measures the shuffle of plain rows.
func measureLocal(s shape) measure.Func { return measureLoad(s, newPlain) }

// measureLoad measures the shuffle of what fresh returns, each time anew.
func measureLoad(s shape, fresh func() load) measure.Func {
	return func(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
		l, err := newLocal(s, fresh())
		if err != nil {
			return sample, err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		start := time.Now()
		cpu, err := l.run(d)
		took := time.Since(start)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return sample, err
		}
		n, err := l.check()
		if err != nil {
			return sample, err
		}
		var busy busyTimes
		for _, c := range l.cores {
			busy.make += c.busy.make
			busy.send += c.busy.send
			busy.read += c.busy.read
		}
		return measure.Sample{Value: float64(n) / took.Seconds(), Ratios: measure.Ratios{
			"cpu_ns_per_row":  measure.PerRow(cpu, n),
			"make_ns_per_row": measure.PerRow(busy.make, n),
			"send_ns_per_row": measure.PerRow(busy.send, n),
			"read_ns_per_row": measure.PerRow(busy.read, n),
		}}, nil
	}
}
