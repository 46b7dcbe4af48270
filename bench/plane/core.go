package plane

import (
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/hostlink"
)

// core is one worker core of a measured exchange: at most one producer task, and a range of destination tasks.
type core struct {
	shape shape
	port  *shuffle.Port
	spin  spinner
	mail  *hostlink.Poller // nil: no other process shares memory with this one
	until time.Time        // producers make rows until then
	// pace says how many rows a producer may have made by now, and whether there will be more; nil: as many as it can, until then.
	pace  func(now time.Time) (rows uint64, more bool)
	stop  *atomic.Bool // somebody failed
	peers []*core      // of the same process, this one included
	// drained is how far the consumers of another process are; nil: those of peers count.
	drained func() uint64

	producer *producer
	consumer *consumer
	busy     busyTimes
}

// busyTimes say what a core did with its time.
type busyTimes struct{ make, send, read time.Duration }

// run steps the core until its producer has ended and its consumer has read everything. done reports that nothing is left in logs.
func (c *core) run(done func() bool) error {
	for !c.stop.Load() {
		worked, err := c.step()
		if err != nil {
			return err
		}
		if worked {
			continue
		}
		if c.finished() && done() {
			return nil
		}
		c.spin.wait(c.mail)
	}
	return nil
}

func (c *core) finished() bool {
	return (c.producer == nil || c.producer.closed) && (c.consumer == nil || c.consumer.executed.Load() == uint64(frame.MaxTick))
}

// step does a piece of work: what arrived first, then more rows, then what is staged.
func (c *core) step() (worked bool, err error) {
	start := time.Now()
	mail := c.mail != nil && c.mail.Poll()
	if worked, err = c.port.Poll(); err != nil {
		return worked, err
	}
	worked = worked || mail
	if c.consumer != nil {
		read, err := c.consumer.step(c.port)
		if err != nil {
			return worked, err
		}
		worked = worked || read
	}
	if worked {
		c.busy.read += time.Since(start)
		for _, p := range c.peers {
			if p != c {
				p.spin.wake() // it may have waited for this core's ticks
			}
		}
		return true, nil
	}
	if c.producer != nil && !c.producer.closed {
		if worked, err = c.produce(start); worked || err != nil {
			return worked, err
		}
	}
	_, err = c.port.FlushAll() // what found no room before
	return false, err
}

// produce makes and appends one batch, or ends the tick. false: no room, or too far ahead of the consumers.
func (c *core) produce(now time.Time) (worked bool, err error) {
	p := c.producer
	if p.inTick == 0 && p.tick > c.slowest()+uint64(c.shape.Ahead) {
		return false, nil
	}
	last := p.made > 0 && !now.Before(c.until) // a repetition that is over before it began has something to check as well
	if c.pace != nil {
		rows, more := c.pace(now)
		if last = !more; more && p.made+uint64(c.shape.BatchRows) > rows {
			return false, nil
		}
	}
	if !last {
		b, err := c.port.Reserve(p.edge, p.task, frame.Tick(p.tick), p.batchBytes)
		if b == nil {
			return false, err
		}
		reserved := time.Now()
		c.busy.send += reserved.Sub(now)
		p.append(b, c.shape.BatchRows)
		now = time.Now()
		c.busy.make += now.Sub(reserved)
	}
	if last || p.inTick >= c.shape.TickRows {
		err = p.end(c.port, last)
		c.busy.send += time.Since(now)
	}
	return true, err
}

// slowest is the least tick that all consumers of this process have executed; without any, logs and credit alone hold producers back.
func (c *core) slowest() uint64 {
	if c.drained != nil {
		return c.drained()
	}
	least, any := uint64(0), false
	for _, p := range c.peers {
		if p.consumer == nil {
			continue
		}
		if t := p.consumer.executed.Load(); !any || t < least {
			least, any = t, true
		}
	}
	if !any {
		return uint64(frame.MaxTick) / 2
	}
	return least
}

// producer is a source task.
type producer struct {
	edge frame.EdgeID
	task frame.TaskID
	// generate appends rows first to first+n to b.
	generate   func(b *batch.Builder, first uint64, n int)
	batchBytes int    // of the last batch
	made       uint64 // rows appended
	tick       uint64 // open
	inTick     int    // rows appended in it
	closed     bool
}

func newProducer(task frame.TaskID) *producer {
	return &producer{task: task, generate: rows.Stream(task).Append, tick: 1}
}

// append makes n rows where they are collected.
func (p *producer) append(b *batch.Builder, n int) {
	before := b.Bytes()
	p.generate(b, p.made, n)
	p.batchBytes = b.Bytes() - before
	p.made += uint64(n)
	p.inTick += n
}

// end ends the tick, or everything when last.
func (p *producer) end(port *shuffle.Port, last bool) error {
	tick, cti := frame.Tick(p.tick), frame.CTI(p.tick)
	port.Close(p.edge, p.task, tick, tick, cti-1, cti)
	p.tick++
	p.inTick = 0
	if last {
		port.Close(p.edge, p.task, tick+1, frame.MaxTick, cti, frame.MaxCTI)
		p.closed = true
	}
	_, err := port.Flush(p.edge)
	return err
}

// consumer is the destination tasks of a core.
type consumer struct {
	edge     frame.EdgeID
	tasks    shuffle.TaskRange
	ordered  bool
	executed atomic.Uint64    // ticks
	done     func(frame.Tick) // is told of them; nil: nobody
	view     batch.Batch
	sums     rows.Sums
	fold     func(frame.TaskID, *batch.Batch) error // reads rows of a task; adds them to sums, unless set otherwise
}

func newConsumer(tasks shuffle.TaskRange, ordered bool) *consumer {
	c := &consumer{tasks: tasks, ordered: ordered}
	c.fold = func(_ frame.TaskID, b *batch.Batch) error {
		c.sums.Add(b)
		return nil
	}
	return c
}

// step reads what can be read: unordered rows as they come, ordered ones when their tick is closed.
func (c *consumer) step(port *shuffle.Port) (worked bool, err error) {
	for {
		at, closed := frame.Tick(c.executed.Load()), port.Closed(c.edge)
		next, rows := port.NextEvent(c.edge, at)
		if !rows {
			next = closed
		}
		if !c.ordered && at < frame.MaxTick {
			read, err := port.Fold(c.edge, at+1, c.fold)
			if err != nil {
				return worked, err
			}
			worked = worked || read
		}
		if closed <= at {
			return worked, nil
		}
		if rows {
			if err := c.read(port, next); err != nil {
				return worked, err
			}
		}
		port.Executed(c.edge, next)
		c.executed.Store(uint64(next))
		if c.done != nil {
			c.done(next)
		}
		worked = true
	}
}

// read reads the rows of a closed tick, task by task.
func (c *consumer) read(port *shuffle.Port, t frame.Tick) error {
	if !c.ordered {
		_, err := port.Fold(c.edge, t, c.fold)
		return err
	}
	for i := range c.tasks.Count {
		task := c.tasks.First + frame.TaskID(i)
		for {
			ok, err := port.Peek(c.edge, t, task, &c.view)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := c.fold(task, &c.view); err != nil {
				return err
			}
			port.Consume(c.edge, c.view.N)
		}
	}
	return nil
}
