package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/streamscope/streamscope/bench/rows"
)

// flightSchema is the rows in Arrow's terms.
var flightSchema = arrow.NewSchema([]arrow.Field{
	{Name: "key", Type: arrow.PrimitiveTypes.Int64},
	{Name: "vs", Type: arrow.PrimitiveTypes.Int64},
	{Name: "ve", Type: arrow.PrimitiveTypes.Int64},
	{Name: "value", Type: arrow.PrimitiveTypes.Int64},
}, nil)

// flightServer takes one DoPut.
type flightServer struct {
	flight.BaseFlightServer
	done chan received
}

// DoPut reads record batches to the end.
func (s *flightServer) DoPut(stream flight.FlightService_DoPutServer) error {
	sums, err := flightRead(stream)
	s.done <- received{sums, err}
	return err
}

func flightReceive(int) (receiver, error) {
	done := make(chan received, 1)
	s := grpcServer()
	flight.RegisterFlightServiceServer(s, &flightServer{done: done})
	return serveGRPC(s, done)
}

func flightRead(stream flight.FlightService_DoPutServer) (sums rows.Sums, err error) {
	if err := stream.SendHeader(metadata.MD{}); err != nil { // the client waits for it before its clock starts
		return sums, err
	}
	r, err := flight.NewRecordReader(stream)
	if err != nil {
		return sums, err
	}
	defer r.Release()
	if !r.Schema().Equal(flightSchema) {
		return sums, fmt.Errorf("flight: got schema %v, want %v", r.Schema(), flightSchema)
	}
	for {
		b, err := r.Read()
		if errors.Is(err, io.EOF) {
			return sums, stream.Send(&flight.PutResult{})
		}
		if err != nil {
			return sums, err
		}
		if err := addRecord(&sums, b, r.LatestAppMetadata()); err != nil {
			return sums, err
		}
	}
}

// addRecord reads a batch task by task.
func addRecord(s *rows.Sums, b arrow.RecordBatch, head []byte) error {
	var n counts
	if len(head) != 4*len(n) {
		return fmt.Errorf("flight: got %d bytes of counts, want %d", len(head), 4*len(n))
	}
	for t := range n {
		n[t] = binary.LittleEndian.Uint32(head[4*t:])
	}
	column := func(i int) []int64 { return b.Column(i).(*array.Int64).Int64Values() } // the schema was compared
	return addBlock(s, columns{column(0), column(1), column(2), column(3)}, &n)
}

// flightSender is the producer. Write serialises a batch before it returns, so one batch is used again and again.
type flightSender struct {
	conn    *grpc.ClientConn
	stream  flight.FlightService_DoPutClient
	columns columns
	size    int
	batch   arrow.RecordBatch // over the memory of columns
}

func flightSend(ctx context.Context, addr string, size int, wire *wireCount) (sender, error) {
	conn, err := grpcDial(addr, wire)
	if err != nil {
		return nil, err
	}
	stream, err := flight.NewFlightServiceClient(conn).DoPut(ctx)
	if err == nil {
		_, err = stream.Header()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s := &flightSender{conn: conn, stream: stream, columns: columnsIn(make([]int64, 4*size), size), size: size}
	s.batch = array.NewRecordBatch(flightSchema, []arrow.Array{
		int64Array(s.columns.key), int64Array(s.columns.vs), int64Array(s.columns.ve), int64Array(s.columns.value),
	}, int64(size))
	return s, nil
}

// int64Array is an array over the memory of v.
func int64Array(v []int64) arrow.Array {
	b := memory.NewBufferBytes(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 8*len(v)))
	return array.NewInt64Data(array.NewData(arrow.PrimitiveTypes.Int64, len(v), []*memory.Buffer{nil, b}, nil, 0, 0))
}

func (s *flightSender) run(until time.Time) (uint64, error) {
	sort := newSorter(0, s.size)
	w := flight.NewRecordWriter(s.stream, ipc.WithSchema(flightSchema))
	w.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{"rows"}})
	head := make([]byte, 0, 4*tasks)
	for sort.made == 0 || time.Now().Before(until) {
		n := sort.next(s.columns)
		head = head[:0]
		for _, c := range n {
			head = binary.LittleEndian.AppendUint32(head, c)
		}
		err := w.WriteWithAppMetadata(s.batch, head)
		if errors.Is(err, io.EOF) { // the reason comes with the reply
			return sort.made, s.end()
		}
		if err != nil {
			return sort.made, err
		}
	}
	return sort.made, errors.Join(w.Close(), s.stream.CloseSend(), s.end())
}

// end waits for the server's reply.
func (s *flightSender) end() error {
	_, err := s.stream.Recv()
	return err
}

func (s *flightSender) close() error { return s.conn.Close() }
