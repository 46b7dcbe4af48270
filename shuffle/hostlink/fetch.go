package hostlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
)

// errNoSlot means that the sender has ended the connection that the slot belongs to.
var errNoSlot = errors.New("the sender has no such segment any more")

// fetcher is a reader's connection to a sender's socket of descriptors. It belongs to one goroutine at a time.
type fetcher struct {
	conn    *net.UnixConn
	timeout time.Duration
}

// fetch connects to the socket of a peer, whose key came on its link. An error means that there is none on this host, or that this node is not welcome.
func (h *Host) fetch(peer netio.Peer, k wire.Key) (*fetcher, error) {
	d := net.Dialer{Timeout: timeout}
	c, err := d.DialContext(h.ctx, "unix", address(&h.cfg.Identity, k).Name)
	if err != nil {
		return nil, fmt.Errorf("hostlink: node %d: %w", peer.Node, err)
	}
	f := &fetcher{conn: c.(*net.UnixConn), timeout: timeout}
	if err := f.greet(h, peer); err != nil {
		return nil, errors.Join(err, f.conn.Close())
	}
	return f, nil
}

func (f *fetcher) greet(h *Host, peer netio.Peer) error {
	if err := sameUser(f.conn); err != nil {
		return err
	}
	if err := f.conn.SetDeadline(time.Now().Add(f.timeout)); err != nil {
		return err
	}
	hello := h.cfg.Greet(peer.Node, peer.Incarnation, 1)
	if _, err := f.conn.Write(wire.AppendHello(nil, wire.TypeHello, &hello)); err != nil {
		return err
	}
	m, err := netio.ReadMessage(f.conn, make([]byte, wire.MaxHelloLen))
	if err != nil {
		return err
	}
	ack, err := wire.ParseHello(m)
	if err != nil {
		return err
	}
	if reason := h.cfg.Judge(&ack); reason != wire.Welcome || ack.Node != peer.Node || ack.Incarnation != peer.Incarnation {
		return fmt.Errorf("hostlink: node %d of incarnation %d answers (%v), want %d of %d", ack.Node, ack.Incarnation, reason, peer.Node, peer.Incarnation)
	}
	return nil
}

// segment asks for the descriptor of a slot and maps it. The error wraps errNoSlot if the sender has ended the connection.
func (f *fetcher) segment(n wire.Slot) (*ringlog.Foreign, error) {
	fd, size, err := f.ask(n)
	if err != nil {
		return nil, err
	}
	return ringlog.MapForeign(fd, size)
}

// mailbox asks for that of the connection and maps it.
func (f *fetcher) mailbox() (*mailbox, error) {
	fd, size, err := f.ask(mailSlot)
	if err != nil {
		return nil, err
	}
	return mapMailbox(fd, size)
}

// ask asks for the descriptor of a slot, and of how many bytes it is.
func (f *fetcher) ask(n wire.Slot) (fd, size int, err error) {
	if err := f.conn.SetDeadline(time.Now().Add(f.timeout)); err != nil {
		return -1, 0, err
	}
	var b [answerLen]byte
	le := binary.LittleEndian
	le.PutUint32(b[:], uint32(n))
	if _, err := f.conn.Write(b[:requestLen]); err != nil {
		return -1, 0, err
	}
	if fd, err = f.answer(b[:]); err != nil {
		return -1, 0, err
	}
	got, size := wire.Slot(le.Uint32(b[:])), int(le.Uint32(b[4:]))
	switch {
	case got != n:
		err = fmt.Errorf("%w: descriptor of slot %d, want %d", wire.ErrGarbage, got, n)
	case fd < 0 && size == 0:
		err = errNoSlot
	case fd < 0:
		err = fmt.Errorf("%w: slot %d of %d bytes without a descriptor", wire.ErrGarbage, n, size)
	}
	if err != nil && fd >= 0 {
		_ = unix.Close(fd)
	}
	return fd, size, err
}

// answer reads one answer into b and returns the one descriptor that came with it, or -1.
func (f *fetcher) answer(b []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, flags, _, err := f.conn.ReadMsgUnix(b, oob)
	if err != nil {
		return -1, err
	}
	fds, err := rights(oob[:oobn])
	if err == nil && (n != len(b) || flags&unix.MSG_CTRUNC != 0 || len(fds) > 1) {
		err = fmt.Errorf("%w: answer of %d bytes with %d descriptors, flags %#x", wire.ErrGarbage, n, len(fds), flags)
	}
	if err != nil {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		return -1, err
	}
	if len(fds) == 0 {
		return -1, nil
	}
	return fds[0], nil
}

// rights returns the descriptors in control messages.
func rights(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		more, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, more...)
	}
	return fds, nil
}
