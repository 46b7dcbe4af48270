package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// Credits of the benchmark's own: a broker drops what a slow consumer can not take, and lost rows are no figure.
const (
	natsWindowBytes = 4 << 20 // of a producer on the way, the credit of a link
	natsWindowLeast = 64      // messages
	natsCreditEvery = 8       // messages of one producer that a consumer acknowledges at a time
	natsStart       = 10 * time.Second
	natsEnd         = "end" // in place of the task: the last message to a consumer
)

// natsServer is an embedded server without log, signals and persistence; listen says whether it has a port.
func natsServer(listen bool) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, DontListen: !listen, NoLog: true, NoSigs: true, MaxPayload: 8 << 20,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(natsStart) {
		natsStop(s)
		return nil, fmt.Errorf("nats server: not ready after %v", natsStart)
	}
	return s, nil
}

func natsStop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// natsConn is a connection that remembers what went wrong on it.
type natsConn struct {
	*nats.Conn
	failed chan error // the first asynchronous error
}

func natsConnect(url string, options ...nats.Option) (*natsConn, error) {
	c := &natsConn{failed: make(chan error, 1)}
	fail := func(err error) {
		select {
		case c.failed <- err:
		default:
		}
	}
	options = append(options, nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fail(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			fail(fmt.Errorf("nats: connection lost: %w", errors.Join(err, nats.ErrConnectionClosed)))
		}))
	var err error
	c.Conn, err = nats.Connect(url, options...)
	return c, err
}

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

// measureNATSLocal has everything in one process: two producers, two consumers with half of the tasks each, the server.
func measureNATSLocal(size int) measure.Func {
	return func(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
		s, err := natsServer(false)
		if err != nil {
			return sample, err
		}
		defer natsStop(s)
		var conns []*natsConn
		defer func() {
			for _, c := range conns {
				c.Close()
			}
		}()
		connect := func() (*natsConn, error) {
			c, err := natsConnect("", nats.InProcessServer(s))
			if err == nil {
				conns = append(conns, c)
			}
			return c, err
		}
		var consumers [localProducers]*natsConsumer
		for i := range consumers {
			conn, err := connect()
			if err != nil {
				return sample, err
			}
			if consumers[i], err = newNATSConsumer(conn, i, localProducers); err != nil {
				return sample, err
			}
		}
		var producers [localProducers]*natsProducer
		for i := range producers {
			conn, err := connect()
			if err != nil {
				return sample, err
			}
			if producers[i], err = newNATSProducer(ctx, conn, len(consumers), size); err != nil {
				return sample, err
			}
		}
		finish := func() (got rows.Sums, err error) {
			for _, p := range producers {
				err = errors.Join(err, p.end())
			}
			for _, c := range consumers {
				sums, werr := c.wait(ctx)
				got, err = got.Plus(sums), errors.Join(err, werr)
			}
			return got, err
		}
		return measureLocal(ctx, size, d, func(i int) func(int, *packet) (*packet, error) { return producers[i].send }, finish)
	}
}

// natsReceiver is the other process: server and consumer.
type natsReceiver struct {
	server   *server.Server
	consumer *natsConsumer
}

func natsReceive(int) (receiver, error) {
	s, err := natsServer(true)
	if err != nil {
		return nil, err
	}
	conn, err := natsConnect("", nats.InProcessServer(s))
	if err != nil {
		natsStop(s)
		return nil, err
	}
	r := &natsReceiver{server: s}
	if r.consumer, err = newNATSConsumer(conn, 0, 1); err != nil {
		conn.Close()
		natsStop(s)
		return nil, err
	}
	return r, nil
}

func (r *natsReceiver) addr() string                                { return r.server.ClientURL() }
func (r *natsReceiver) wait(ctx context.Context) (rows.Sums, error) { return r.consumer.wait(ctx) }
func (r *natsReceiver) close() {
	r.consumer.conn.Close()
	natsStop(r.server)
}

// natsSender is the producer of two processes.
type natsSender struct {
	conn     *natsConn
	producer *natsProducer
	size     int
}

func natsSend(ctx context.Context, addr string, size int, wire *wireCount) (sender, error) {
	conn, err := natsConnect(addr, nats.SetCustomDialer(wire))
	if err != nil {
		return nil, err
	}
	p, err := newNATSProducer(ctx, conn, 1, size)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &natsSender{conn, p, size}, nil
}

func (s *natsSender) run(until time.Time) (uint64, error) {
	rows := newSpread(0, s.size)
	rows.send = s.producer.send
	err := rows.run(until)
	return rows.made, errors.Join(err, s.producer.end())
}

func (s *natsSender) close() error {
	s.conn.Close()
	return nil
}
