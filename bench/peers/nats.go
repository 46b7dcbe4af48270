package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// natsStart is how long an embedded server may take to start.
const natsStart = 10 * time.Second

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

// natsLocal is everything in one process: two producers, two consumers with half of the tasks each, the server.
type natsLocal struct {
	server    *server.Server
	conns     []*natsConn
	producers []*natsProducer
	consumers []*natsConsumer
}

func measureNATSLocal(size int) measure.Func {
	return func(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
		s, err := natsServer(false)
		if err != nil {
			return sample, err
		}
		l := &natsLocal{server: s}
		defer l.close()
		if err := l.connect(ctx, size); err != nil {
			return sample, err
		}
		sender := func(i int) func(int, *packet) (*packet, error) { return l.producers[i].send }
		return measureLocal(ctx, size, d, sender, func() (rows.Sums, error) { return l.finish(ctx) })
	}
}

// connect gives everybody a connection; consumers first, as nothing is kept for those that are not there.
func (l *natsLocal) connect(ctx context.Context, size int) error {
	for range 2 * localProducers {
		c, err := natsConnect("", nats.InProcessServer(l.server))
		if err != nil {
			return err
		}
		l.conns = append(l.conns, c)
	}
	for i, conn := range l.conns[:localProducers] {
		c, err := newNATSConsumer(conn, i, localProducers)
		if err != nil {
			return err
		}
		l.consumers = append(l.consumers, c)
	}
	for _, conn := range l.conns[localProducers:] {
		p, err := newNATSProducer(ctx, conn, localProducers, size)
		if err != nil {
			return err
		}
		l.producers = append(l.producers, p)
	}
	return nil
}

func (l *natsLocal) finish(ctx context.Context) (got rows.Sums, err error) {
	for _, p := range l.producers {
		err = errors.Join(err, p.end())
	}
	if err != nil {
		return got, err // consumers would wait for ends that do not come
	}
	for _, c := range l.consumers {
		sums, werr := c.wait(ctx)
		got, err = got.Plus(sums), errors.Join(err, werr)
	}
	return got, err
}

func (l *natsLocal) close() {
	for _, c := range l.conns {
		c.Close()
	}
	natsStop(l.server)
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
