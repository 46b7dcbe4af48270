package connecttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Crashes writes rows through a sink that is dropped at random moments, with bytes that nobody promised behind its durable ones, and
// opened again at a position that it reported: the last, or an earlier one. The file must be the one that a single sink writes in one go.
func Crashes(rng *rand.Rand, sink connect.FileSink, rows *batch.Batch) error {
	sink.Token = "once"
	if err := Write(sink.Open, rows, 1+rng.IntN(2*rows.N+1)); err != nil {
		return err
	}
	once := connect.TempPath(sink.Path, "once")
	want, err := os.ReadFile(once)
	if err != nil {
		return err
	}
	if err := os.Remove(once); err != nil {
		return err
	}
	sink.Token = "lives"
	c := &crashes{rng: rng, file: sink, temp: connect.TempPath(sink.Path, "lives"), rows: rows, woken: make(chan struct{}, 1)}
	if err := c.run(); err != nil {
		return fmt.Errorf("life %d: %w", c.lives, err)
	}
	got, err := os.ReadFile(c.temp)
	if err == nil && !bytes.Equal(got, want) {
		return fmt.Errorf("in %d lives: %d bytes, unlike the %d of one life", c.lives, len(got), len(want))
	}
	return err
}

const crashesMax = 8

type crashes struct {
	rng   *rand.Rand
	file  connect.FileSink
	temp  string
	rows  *batch.Batch
	woken chan struct{}
	lives int

	sink vertex.Sink
	at   int       // rows written
	asks []*answer // of this life, in order
	good []*answer // that the file goes back to
}

// answer is what a checkpoint will report.
type answer struct {
	rows     int
	done     chan struct{}
	position []byte
	err      error
}

func (c *crashes) run() error {
	if err := c.begin(nil); err != nil {
		return err
	}
	for {
		switch {
		case c.rng.IntN(4) == 0:
			c.ask()
			continue
		case c.rng.IntN(6) == 0 && c.lives < crashesMax:
			if err := c.crash(); err != nil {
				return err
			}
			continue
		case c.at < c.rows.N:
			if err := c.write(); err != nil {
				return err
			}
			continue
		}
		if err := c.finish(); err != nil {
			return err
		}
		if c.lives >= crashesMax || c.rng.IntN(2) == 0 {
			_, err := c.settled()
			return err
		}
		if err := c.crash(); err != nil {
			return err
		}
	}
}

func (c *crashes) begin(from *answer) (err error) {
	c.lives++
	c.at, c.asks = 0, nil
	var resume []byte
	if from != nil {
		c.at, resume = from.rows, from.position
	}
	c.sink, err = c.file.Open(resume, func() { wake(c.woken) })
	return err
}

func (c *crashes) ask() {
	a := &answer{rows: c.at, done: make(chan struct{})}
	c.asks = append(c.asks, a)
	c.sink.Checkpoint(func(position []byte, err error) {
		a.position, a.err = position, err
		close(a.done) // panics if it is called twice
	})
}

func (c *crashes) write() error {
	part := c.rows.Slice(c.at, min(c.rows.N, c.at+1+c.rng.IntN(1+c.rows.N/4)))
	accepted, err := c.sink.Write(&part)
	if err != nil {
		return err
	}
	if !accepted {
		<-c.woken
		return nil
	}
	c.at += part.N
	return nil
}

func (c *crashes) finish() error {
	for {
		done, err := c.sink.Finish()
		if done || err != nil {
			return err
		}
		<-c.woken
	}
}

// crash drops the sink, leaves a torn file behind, and opens it again at a position reported before.
func (c *crashes) crash() error {
	answered := c.answered()
	content, err := os.ReadFile(c.temp)
	if err != nil {
		return err
	}
	if c.rng.IntN(2) == 0 {
		c.sink.Abort() // the file is restored below, as a kill would have left it a moment ago
	} else {
		c.sink.Leave()
		answered = len(c.asks)
		if content, err = os.ReadFile(c.temp); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.temp, append(content, "torn"...), 0o666); err != nil {
		return err
	}
	durable, err := c.settled()
	if err != nil {
		return err
	}
	c.good = append(c.good, durable[:min(answered, len(durable))]...)
	if len(c.good) == 0 {
		return c.begin(nil)
	}
	from := c.good[len(c.good)-1-min(c.rng.IntN(3), len(c.good)-1)]
	for i, a := range c.good {
		if a == from {
			c.good = c.good[:i+1]
			break
		}
	}
	return c.begin(from)
}

// answered is how many checkpoints of this life have been answered.
func (c *crashes) answered() int {
	for i, a := range c.asks {
		select {
		case <-a.done:
		default:
			return i
		}
	}
	return len(c.asks)
}

// settled returns the checkpoints of this life that were durable before the sink was dropped. All must be answered, those behind an error with an
// error.
func (c *crashes) settled() (durable []*answer, err error) {
	failed := false
	for i, a := range c.asks {
		select {
		case <-a.done:
		default:
			return nil, fmt.Errorf("checkpoint %d of %d is not answered", i+1, len(c.asks))
		}
		if failed && a.err == nil {
			return nil, fmt.Errorf("checkpoint %d of %d is durable, though one before it is not", i+1, len(c.asks))
		}
		if failed = a.err != nil; !failed {
			durable = append(durable, a)
		}
	}
	return durable, nil
}
