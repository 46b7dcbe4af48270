package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
	"unsafe"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	"github.com/streamscope/streamscope/bench/rows"
)

// HTTP/2 as wide as a link of ours, for gRPC and Flight.
const (
	grpcWindow     = 4 << 20
	grpcBuffer     = 256 << 10 // of a connection's reads and writes
	grpcMaxMessage = 16 << 20
	grpcBlocks     = 8 // of a sender, in use or on the way
)

func grpcServer(options ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(grpcMaxMessage), grpc.InitialWindowSize(grpcWindow),
		grpc.InitialConnWindowSize(grpcWindow), grpc.ReadBufferSize(grpcBuffer), grpc.WriteBufferSize(grpcBuffer))...)
}

func grpcDial(addr string, wire *wireCount) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return wire.dial(ctx, "tcp", addr) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(grpcMaxMessage)), grpc.WithInitialWindowSize(grpcWindow),
		grpc.WithInitialConnWindowSize(grpcWindow), grpc.WithReadBufferSize(grpcBuffer), grpc.WithWriteBufferSize(grpcBuffer))
}

// A message is the number of rows of each task, then the columns; both sides are on one machine, so words stand as they are in memory.
const headWords = tasks / 2

// message is memory of a message, aligned for its columns.
type message struct {
	words []int64
	bytes []byte // the same memory
	free  chan<- *message
}

func newMessage(words int) *message {
	m := &message{words: make([]int64, words)}
	m.bytes = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(m.words))), 8*words)
	return m
}

func (m *message) columns() columns {
	return columnsIn(m.words[headWords:], (len(m.words)-headWords)/4)
}

func (m *message) setCounts(n *counts) {
	for t, c := range n {
		binary.LittleEndian.PutUint32(m.bytes[4*t:], c)
	}
}

func (m *message) counts() (n counts) {
	for t := range n {
		n[t] = binary.LittleEndian.Uint32(m.bytes[4*t:])
	}
	return n
}

// Get is never called: messages are their own pools, so that gRPC gives them back when it has written them.
func (m *message) Get(int) *[]byte { return &m.bytes }

// Put takes the memory back.
func (m *message) Put(*[]byte) { m.free <- m }

// rawCodec sends a message's memory without a copy, and copies what arrives into memory that is used again.
type rawCodec struct{}

func (rawCodec) Name() string { return "rows" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m := v.(*message)
	if m.free == nil {
		return mem.BufferSlice{mem.SliceBuffer(m.bytes)}, nil
	}
	return mem.BufferSlice{mem.NewBuffer(&m.bytes, m)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m := v.(*message)
	if data.Len() != len(m.bytes) {
		return fmt.Errorf("message: got %d bytes, want %d", data.Len(), len(m.bytes))
	}
	data.CopyTo(m.bytes)
	return nil
}

const (
	grpcService = "streamscope.bench.Rows"
	grpcMethod  = "Put"
)

var grpcStream = grpc.StreamDesc{StreamName: grpcMethod, ClientStreams: true}

// received is how a server's handler ends.
type received struct {
	sums rows.Sums
	err  error
}

// grpcReceiver is the server of the other process; its one stream ends it.
type grpcReceiver struct {
	listener net.Listener
	server   *grpc.Server
	served   chan error
	done     chan received
}

func serveGRPC(s *grpc.Server, done chan received) (*grpcReceiver, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &grpcReceiver{listener: ln, server: s, served: make(chan error, 1), done: done}
	go func() { r.served <- s.Serve(ln) }()
	return r, nil
}

func (r *grpcReceiver) addr() string { return r.listener.Addr().String() }

func (r *grpcReceiver) wait(ctx context.Context) (rows.Sums, error) {
	select {
	case end := <-r.done:
		return end.sums, end.err
	case err := <-r.served:
		return rows.Sums{}, fmt.Errorf("gRPC server ended: %w", errors.Join(err, net.ErrClosed))
	case <-ctx.Done():
		return rows.Sums{}, ctx.Err()
	}
}

func (r *grpcReceiver) close() { r.server.GracefulStop() }

func grpcReceive(size int) (receiver, error) {
	done := make(chan received, 1)
	s := grpcServer(grpc.ForceServerCodecV2(rawCodec{}))
	stream := grpcStream
	stream.Handler = func(_ any, stream grpc.ServerStream) error {
		sums, err := grpcRead(stream, size)
		done <- received{sums, err}
		return err
	}
	s.RegisterService(&grpc.ServiceDesc{ServiceName: grpcService, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{stream}}, nil)
	return serveGRPC(s, done)
}

func grpcRead(stream grpc.ServerStream, size int) (sums rows.Sums, err error) {
	if err := stream.SendHeader(metadata.MD{}); err != nil { // the client waits for it before its clock starts
		return sums, err
	}
	m := newMessage(headWords + 4*size)
	for {
		err := stream.RecvMsg(m)
		if errors.Is(err, io.EOF) {
			return sums, stream.SendMsg(newMessage(0))
		}
		if err != nil {
			return sums, err
		}
		n := m.counts()
		if err := addBlock(&sums, m.columns(), &n); err != nil {
			return sums, err
		}
	}
}

// grpcSender is the producer.
type grpcSender struct {
	conn   *grpc.ClientConn
	stream grpc.ClientStream
	free   chan *message
	size   int
}

func grpcSend(ctx context.Context, addr string, size int, wire *wireCount) (sender, error) {
	conn, err := grpcDial(addr, wire)
	if err != nil {
		return nil, err
	}
	stream, err := conn.NewStream(ctx, &grpcStream, "/"+grpcService+"/"+grpcMethod, grpc.ForceCodecV2(rawCodec{}))
	if err == nil {
		_, err = stream.Header() // afterwards nothing is kept for a second attempt
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s := &grpcSender{conn: conn, stream: stream, size: size, free: make(chan *message, grpcBlocks)}
	for range grpcBlocks {
		m := newMessage(headWords + 4*size)
		m.free = s.free
		s.free <- m
	}
	return s, nil
}

func (s *grpcSender) run(until time.Time) (uint64, error) {
	sort := newSorter(0, s.size)
	for sort.made == 0 || time.Now().Before(until) {
		var m *message
		select {
		case m = <-s.free:
		case <-s.stream.Context().Done():
			return sort.made, s.end()
		}
		n := sort.next(m.columns())
		m.setCounts(&n)
		err := s.stream.SendMsg(m)
		if errors.Is(err, io.EOF) { // the reason comes with the reply
			return sort.made, s.end()
		}
		if err != nil {
			return sort.made, err
		}
	}
	return sort.made, errors.Join(s.stream.CloseSend(), s.end())
}

// end waits for the server's reply, which is empty.
func (s *grpcSender) end() error { return s.stream.RecvMsg(newMessage(0)) }

func (s *grpcSender) close() error { return s.conn.Close() }
