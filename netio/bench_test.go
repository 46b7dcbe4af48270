package netio_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// hose is an Outgoing that sends the same frames again and again, n in all.
type hose struct {
	ring   []byte // whole frames
	frames int    // in ring
	step   int    // bytes from one to the next
	joined bool   // neighbours go as one piece
	left   int
	at     int
}

func (h *hose) Attach(wire.Hello) error    { return nil }
func (h *hose) Receive(wire.Message) error { return nil }
func (h *hose) Sent(error)                 {}
func (h *hose) Detach(error)               {}

func (h *hose) Gather(pieces [][]byte, maxBytes int) [][]byte {
	for bytes := 0; bytes < maxBytes && h.left > 0 && len(pieces) < netio.MaxPieces; {
		n := 1
		if h.joined {
			n = min(max(1, (maxBytes-bytes)/h.step), h.frames-h.at, h.left)
		}
		b := h.ring[h.at*h.step : (h.at+n)*h.step]
		pieces = append(pieces, b)
		bytes += len(b)
		h.left -= n
		h.at = (h.at + n) % h.frames
	}
	return pieces
}

// drain is an Incoming that counts frames.
type drain struct {
	want int64
	got  int64
	done chan struct{}
}

func (d *drain) Attach(wire.Hello) error    { return nil }
func (d *drain) Messages(buf []byte) []byte { return buf }
func (d *drain) Detach(error)               {}

func (d *drain) Frame(b []byte) error {
	if d.got++; d.got == d.want {
		close(d.done)
	}
	return nil
}

func benchLink(b *testing.B, frameLen int, joined bool) {
	ends := make([]*netio.Endpoint, 2)
	for i := range ends {
		cfg := netio.Config{Identity: id1, Listen: "127.0.0.1:0"}
		cfg.Node = frame.NodeID(i + 1)
		e, err := netio.Listen(cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		ends[i] = e
	}
	const ringFrames = 32
	h := &hose{frames: ringFrames, step: frame.PadLen(frameLen), joined: joined, left: b.N}
	for range ringFrames {
		h.ring = append(h.ring, dataFrame(1, 1, frameLen)...)
	}
	d := &drain{want: int64(b.N), done: make(chan struct{})}
	if _, err := ends[1].Expect(netio.Peer{Node: 1, Incarnation: 1}, d); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(frameLen))
	b.ReportAllocs()
	b.ResetTimer()
	l, err := ends[0].Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: ends[1].Addr()}, h)
	if err != nil {
		b.Fatal(err)
	}
	<-d.done
	b.StopTimer()
	s := l.Stats()
	b.ReportMetric(float64(s.BytesOut)/float64(max(1, s.Flushes)), "B/flush")
}

func BenchmarkLink(b *testing.B) {
	for _, n := range []int{1 << 10, 8 << 10, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchLink(b, n, false) })
	}
	b.Run("1024 joined", func(b *testing.B) { benchLink(b, 1<<10, true) })
	b.Run("65536 joined", func(b *testing.B) { benchLink(b, 64<<10, true) })
}

// BenchmarkNetBuffers is what a link is measured against: bare net.Buffers, and a reader that does nothing.
func BenchmarkNetBuffers(b *testing.B) {
	const frameLen, pieces = 64 << 10, 16
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		buf := make([]byte, 1<<20)
		for left := b.N * frameLen; left > 0; {
			n, err := c.Read(buf)
			if err != nil {
				b.Error(err)
				return
			}
			left -= n
		}
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ring := make([]byte, pieces*frameLen)
	b.SetBytes(frameLen)
	b.ResetTimer()
	for left := b.N; left > 0; {
		var bufs net.Buffers
		for i := range min(left, pieces) {
			bufs = append(bufs, ring[i*frameLen:(i+1)*frameLen])
			left--
		}
		if _, err := bufs.WriteTo(c); err != nil {
			b.Fatal(err)
		}
	}
	<-done
}
