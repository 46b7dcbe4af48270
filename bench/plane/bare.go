package plane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/streamscope/streamscope/bench/kernel"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
)

// buffers measures bare net.Buffers from this process to a child that reads and does nothing else.
func (t *tcp) buffers(ctx context.Context, d time.Duration) (measure.Sample, error) {
	sample, _, err := t.bare(ctx, roleBuffers, net.Dialer{}, func(c net.Conn) error { return kernel.Send(c, d) })
	return sample, err
}

// unpacedBuffers is buffers over a connection that a link would dial.
func (t *tcp) unpacedBuffers(ctx context.Context, d time.Duration) (measure.Sample, error) {
	sample, _, err := t.bare(ctx, roleBuffers, net.Dialer{Control: netio.Unpaced}, func(c net.Conn) error { return kernel.Send(c, d) })
	return sample, err
}

// busyBuffers measures net.Buffers in the shape of netio's flushes, with the same work at both ends: each piece is filled with fresh rows before
// it is sent, and summed where it arrives.
func (t *tcp) busyBuffers(ctx context.Context, d time.Duration) (measure.Sample, error) {
	made := uint64(0)
	sample, r, err := t.bare(ctx, roleRows, net.Dialer{}, func(c net.Conn) (err error) {
		made, err = sendRows(c, d)
		return err
	})
	if err != nil {
		return sample, err
	}
	return sample, r.Sums.Check(rows.Stream(0).Want(made))
}

// bare measures one connection to a child that reads it in the given role, by what arrived until the child had read everything. Both ends are
// confined as those of a link are: free ones wake each other across processors for every few packets, which costs bare net.Buffers less than a link.
func (t *tcp) bare(ctx context.Context, role peerRole, dialer net.Dialer, send func(net.Conn) error) (sample measure.Sample, r peerResult, err error) {
	peer, err := t.child(ctx, peerTask{Role: role, Apart: t.apart})
	if err != nil {
		return sample, r, err
	}
	c, err := dialer.DialContext(ctx, "tcp", peer.Addr)
	if err != nil {
		return sample, r, peer.end(err)
	}
	cpu, start := measure.ProcessCPU(), time.Now()
	err = confined(t.apart, 0, func() error { return send(c) })
	if err = errors.Join(err, c.Close()); err != nil {
		return sample, r, peer.end(err)
	}
	if r, err = peer.result(); err != nil {
		return sample, r, err
	}
	took, used := time.Since(start), measure.ProcessCPU()-cpu+r.CPU
	bytes := float64(max(r.Bytes, 1))
	return measure.Sample{
		Value:  bytes / took.Seconds(),
		Ratios: measure.Ratios{"cpu_ns_per_byte": float64(used) / bytes},
	}, r, nil
}

// sendRows writes frames of fresh rows to c for d, a flush at a time, and returns the rows.
func sendRows(c net.Conn, d time.Duration) (made uint64, err error) {
	var pieces [linkFlushFrames][]byte
	for i := range pieces {
		pieces[i] = make([]byte, logFrameBytes)
	}
	buffers := make(net.Buffers, 0, len(pieces))
	measure.Repeat(d, func() {
		if err != nil {
			return
		}
		buffers = buffers[:0]
		for _, p := range pieces {
			col := columnsOf(p)
			rows.Stream(0).Fill(col[0], col[1], col[2], col[3], made)
			made += logFrameRows
			buffers = append(buffers, p)
		}
		b := buffers
		_, err = b.WriteTo(c)
	})
	return made, err
}

// receiveRows reads one connection to its end, a flush at a time, and sums the rows.
func receiveRows(ctx context.Context, say func(any) error) (r peerResult, err error) {
	c, err := acceptOne(ctx, say)
	if err != nil {
		return r, err
	}
	cpu := measure.ProcessCPU()
	err = r.readRows(c)
	r.CPU = measure.ProcessCPU() - cpu
	return r, errors.Join(err, c.Close())
}

func (r *peerResult) readRows(c io.Reader) error {
	buf := make([]byte, linkFlushFrames*logFrameBytes)
	for {
		n, err := io.ReadFull(c, buf)
		r.Bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("bare net.Buffers: %d bytes into a flush: %w", n, err)
		}
		for b := buf; len(b) > 0; b = b[logFrameBytes:] {
			col := columnsOf(b)
			r.Sums.AddColumns(col[0], col[1], col[2], col[3])
		}
	}
}
