package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/streamscope/streamscope/bench/rows"
)

// Credits of the benchmark's own: a broker drops what a slow consumer can not take, and lost rows are no figure.
const (
	natsWindowBytes = 4 << 20 // of a producer on the way, the credit of a link
	natsWindowLeast = 64      // messages; more than all consumers may owe
	natsCreditEvery = 8       // messages of one producer that a consumer acknowledges at a time
	natsEnd         = "end"   // in place of the task: the last message to a consumer
)

// The most that consumers keep to themselves leaves room in the least window.
const _ = uint(natsWindowLeast - localProducers*natsCreditEvery)

// natsProducer sends packets, a message each, as fast as it has credit.
type natsProducer struct {
	conn      *natsConn
	ctx       context.Context
	consumers int
	inbox     string
	subjects  [tasks]string
	window    int64
	sent      int64
	credited  atomic.Int64
	woken     chan struct{}
}

func newNATSProducer(ctx context.Context, conn *natsConn, consumers, size int) (*natsProducer, error) {
	p := &natsProducer{
		conn: conn, ctx: ctx, consumers: consumers, inbox: nats.NewInbox(), woken: make(chan struct{}, 1),
		window: max(natsWindowLeast, natsWindowBytes/int64(size*rows.Bytes)),
	}
	for t := range p.subjects {
		p.subjects[t] = natsSubject(t*consumers/tasks, strconv.Itoa(t))
	}
	_, err := conn.Subscribe(p.inbox, func(*nats.Msg) {
		p.credited.Add(natsCreditEvery)
		select {
		case p.woken <- struct{}{}:
		default:
		}
	})
	return p, errors.Join(err, conn.Flush())
}

func natsSubject(consumer int, last string) string { return fmt.Sprintf("rows.%d.%s", consumer, last) }

func (p *natsProducer) send(task int, packet *packet) (*packet, error) {
	for p.sent-p.credited.Load() >= p.window {
		select {
		case <-p.woken:
		case err := <-p.conn.failed:
			return nil, err
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		}
	}
	p.sent++
	err := p.conn.PublishRequest(p.subjects[task], p.inbox, bytesOf(packet.rows)) // copied
	packet.rows = packet.rows[:0]
	return packet, err
}

// end tells each consumer that nothing follows.
func (p *natsProducer) end() error {
	var errs []error
	for c := range p.consumers {
		errs = append(errs, p.conn.Publish(natsSubject(c, natsEnd), nil))
	}
	return errors.Join(append(errs, p.conn.Flush())...)
}

// natsConsumer reads the messages of its share of the tasks, in the one goroutine of its subscription.
type natsConsumer struct {
	conn     *natsConn
	sums     rows.Sums
	owed     map[string]int // messages of a producer, by its inbox, since the last credit
	producer int            // that have not ended
	done     chan error
}

func newNATSConsumer(conn *natsConn, consumer, producers int) (*natsConsumer, error) {
	c := &natsConsumer{conn: conn, owed: map[string]int{}, producer: producers, done: make(chan error, 1)}
	sub, err := conn.Subscribe(natsSubject(consumer, "*"), func(m *nats.Msg) {
		if c.producer == 0 {
			return
		}
		if ended, err := c.read(m); ended || err != nil {
			c.producer = 0
			c.done <- err
		}
	})
	if err != nil {
		return nil, err
	}
	return c, errors.Join(sub.SetPendingLimits(-1, -1), conn.Flush())
}

// read reports whether the last producer has ended.
func (c *natsConsumer) read(m *nats.Msg) (ended bool, err error) {
	if strings.HasSuffix(m.Subject, natsEnd) {
		c.producer--
		return c.producer == 0, nil
	}
	if err := addBytes(&c.sums, m.Data); err != nil {
		return false, err
	}
	c.owed[m.Reply]++
	if c.owed[m.Reply] < natsCreditEvery {
		return false, nil
	}
	c.owed[m.Reply] = 0
	return false, c.conn.Publish(m.Reply, nil)
}

// wait returns the sums when all producers have ended.
func (c *natsConsumer) wait(ctx context.Context) (rows.Sums, error) {
	select {
	case err := <-c.done:
		return c.sums, err
	case err := <-c.conn.failed:
		return rows.Sums{}, err
	case <-ctx.Done():
		return rows.Sums{}, ctx.Err()
	}
}
