package kernel

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/netio"
)

// Pieces of one flush of bare net.Buffers: the shape of a link's flush.
const (
	flushPieces = 8
	pieceBytes  = 128 << 10
)

// Send writes net.Buffers to c for d.
func Send(c net.Conn, d time.Duration) (err error) {
	pieces := make([][]byte, flushPieces)
	for i := range pieces {
		pieces[i] = make([]byte, pieceBytes)
	}
	measure.Repeat(d, func() {
		if err != nil {
			return
		}
		b := net.Buffers(append([][]byte(nil), pieces...))
		_, err = b.WriteTo(c)
	})
	return err
}

// Drain reads c to its end into one buffer and returns the bytes read.
func Drain(c net.Conn) (bytes int64, err error) {
	buf := make([]byte, 1<<20)
	for {
		n, err := c.Read(buf)
		bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return bytes, nil
		}
		if err != nil {
			return bytes, err
		}
	}
}

func openBuffers(context.Context, measure.Env) (measure.Session, error) {
	return measure.Func(loopback), nil
}

// loopback measures one connection within the process.
func loopback(ctx context.Context, d time.Duration) (measure.Sample, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return measure.Sample{}, err
	}
	defer ln.Close()
	read := make(chan error, 1)
	total := int64(0)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			total, err = Drain(c)
			err = errors.Join(err, c.Close())
		}
		read <- err
	}()
	dialer := net.Dialer{Control: netio.Unpaced} // as a link has it, since it stands for what a link could do
	c, err := dialer.DialContext(ctx, "tcp", ln.Addr().String())
	if err != nil {
		return measure.Sample{}, errors.Join(err, ln.Close(), <-read)
	}
	cpu, start := measure.ProcessCPU(), time.Now()
	err = Send(c, d)
	if err = errors.Join(err, c.Close(), <-read); err != nil {
		return measure.Sample{}, err
	}
	took := time.Since(start)
	return measure.Sample{
		Value:  float64(total) / took.Seconds(),
		Ratios: measure.Ratios{"cpu_ns_per_byte": float64(measure.ProcessCPU()-cpu) / float64(total)},
	}, ctx.Err()
}
