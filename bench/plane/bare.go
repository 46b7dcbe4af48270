package plane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// busyBuffers measures net.Buffers in the shape of netio's flushes, with the same work at both ends: each piece is filled with fresh rows before
// it is sent, and summed where it arrives.
func (l *link) busyBuffers(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	peer, err := l.child(ctx, peerTask{Role: roleRows})
	if err != nil {
		return sample, err
	}
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", peer.Addr)
	if err != nil {
		return sample, peer.end(err)
	}
	cpu, start := measure.ProcessCPU(), time.Now()
	made, err := sendRows(c, d)
	if err = errors.Join(err, c.Close()); err != nil {
		return sample, peer.end(err)
	}
	r, err := peer.result()
	if err != nil {
		return sample, err
	}
	took, used := time.Since(start), measure.ProcessCPU()-cpu+r.CPU
	bytes := float64(max(r.Bytes, 1))
	return measure.Sample{
		Value:  bytes / took.Seconds(),
		Ratios: measure.Ratios{"cpu_ns_per_byte": float64(used) / bytes},
	}, r.Sums.Check(rows.Stream(0).Want(made))
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
