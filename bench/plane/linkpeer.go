package plane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// linkReceiver sums the rows of frames where they arrived, and grants credit for them. It implements netio.Incoming.
type linkReceiver struct {
	link   atomic.Pointer[netio.Link]
	sums   rows.Sums
	frames int
	allocs allocations // since the session began
	mu     struct {
		sync.Mutex
		credit *netio.Receiver
	}
}

var _ netio.Incoming = (*linkReceiver)(nil)

func receiveLink(ctx context.Context, task peerTask, say func(any) error) (r peerResult, err error) {
	gone := make(chan error, 1)
	e, err := netio.Listen(netio.Config{Identity: linkIdentity(receiverNode, task.Token), Listen: "127.0.0.1:0", MaxFrameBytes: logFrameBytes,
		Events: netio.Events{Down: func(_ *netio.Link, _ uint64, err error) {
			select {
			case gone <- err:
			default:
			}
		}}})
	if err != nil {
		return r, err
	}
	defer e.Close()
	in := &linkReceiver{}
	in.mu.credit = netio.NewReceiver(linkCreditBytes, []frame.EdgeID{linkChain.Edge})
	l, err := e.Expect(netio.Peer{Node: senderNode, Incarnation: 1}, in)
	if err != nil {
		return r, err
	}
	in.link.Store(l)
	l.Wake()
	if err := say(peerReady{e.Addr()}); err != nil {
		return r, err
	}
	cpu := measure.ProcessCPU()
	select {
	case err = <-gone:
	case <-ctx.Done():
		return r, ctx.Err()
	}
	if !errors.Is(err, netio.ErrBye) {
		return r, fmt.Errorf("the link ended: %w", err)
	}
	return peerResult{Sums: in.sums, Bytes: int64(l.Stats().BytesIn), CPU: measure.ProcessCPU() - cpu, Allocs: in.allocs.count()}, nil
}

// Attach implements netio.Incoming.
func (in *linkReceiver) Attach(wire.Hello) error {
	in.allocs.start()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.credit.Attach()
	return nil
}

// Frame sums a frame's rows; the last frame of a tick acknowledges it.
func (in *linkReceiver) Frame(b []byte) error {
	head, err := wire.ParseHead(b, logFrameBytes)
	if err != nil {
		return err
	}
	if !head.IsFrame() {
		return in.begin(b)
	}
	h := frame.DecodeHeader(b)
	if len(b) != logFrameBytes {
		return fmt.Errorf("frame of %d bytes, want %d", len(b), logFrameBytes)
	}
	in.mu.Lock()
	err = in.mu.credit.OnFrame(h.Edge, h.Tick, len(b))
	in.mu.Unlock()
	if err != nil {
		return err
	}
	c := columnsOf(b)
	in.sums.AddColumns(c[0], c[1], c[2], c[3])
	in.frames++
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.credit.Released(h.Edge, len(b))
	if in.frames%linkTickFrames == 0 {
		in.mu.credit.SetClosed(h.Edge, h.Tick)
		in.mu.credit.SetOpen(h.Edge, h.Tick+1)
	}
	if l := in.link.Load(); l != nil && in.mu.credit.Pending() {
		l.Wake()
	}
	return nil
}

func (in *linkReceiver) begin(b []byte) error {
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range m.Len() {
		if err := in.mu.credit.OnBegin(m.Begin(i)); err != nil {
			return err
		}
	}
	return nil
}

// Messages implements netio.Incoming.
func (in *linkReceiver) Messages(buf []byte) []byte {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.mu.credit.Messages(buf)
}

// Detach implements netio.Incoming.
func (in *linkReceiver) Detach(error) {}
