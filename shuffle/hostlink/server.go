package hostlink

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
)

const (
	requestLen = 4
	answerLen  = 8
)

func (h *Host) accept() {
	defer h.running.Done()
	for {
		select {
		case h.places <- struct{}{}:
		case <-h.ctx.Done():
			return
		}
		c, err := h.listener.AcceptUnix()
		if err == nil {
			h.running.Add(1)
			go h.serve(c)
			continue
		}
		<-h.places
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(10 * time.Millisecond): // out of descriptors, or a connection that died young
		}
	}
}

// serve is the goroutine of a reader of descriptors.
func (h *Host) serve(c *net.UnixConn) {
	defer h.running.Done()
	defer func() { <-h.places }()
	defer c.Close()
	defer context.AfterFunc(h.ctx, func() { _ = c.Close() })()
	s, err := h.welcome(c)
	if err != nil {
		return
	}
	_ = s.serve(c) // until the reader has gone
}

// welcome judges a hello.
func (h *Host) welcome(c *net.UnixConn) (*sender, error) {
	if err := sameUser(c); err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	m, err := netio.ReadMessage(c, make([]byte, wire.MaxHelloLen))
	if err != nil {
		return nil, err
	}
	hello, err := wire.ParseHello(m)
	if err != nil {
		return nil, err
	}
	reason, s := h.cfg.Judge(&hello), h.sender(hello.Node)
	if reason == wire.Welcome && s == nil {
		reason = wire.UnknownNode
	}
	if reason == wire.Welcome {
		reason = wire.Known{Incarnation: s.peer.Incarnation}.Judge(&hello)
	}
	if reason != wire.Welcome {
		_, _ = c.Write(wire.AppendRefuse(nil, wire.Refuse{Reason: reason, Text: reason.String()}))
		return nil, fmt.Errorf("hostlink: node %d refused: %v", hello.Node, reason)
	}
	ack := h.cfg.Greet(hello.Node, hello.Incarnation, hello.Connection)
	if _, err := c.Write(wire.AppendHello(nil, wire.TypeHelloAck, &ack)); err != nil {
		return nil, err
	}
	return s, c.SetDeadline(time.Time{})
}

// sameUser checks whose process is at the other end, which a token in the wrong hands could not tell.
func sameUser(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if credErr != nil {
		return fmt.Errorf("hostlink: whose process: %w", credErr)
	}
	if want := os.Geteuid(); int(cred.Uid) != want {
		return fmt.Errorf("hostlink: a process of user %d, want %d", cred.Uid, want)
	}
	return nil
}

// serve answers requests until the connection ends.
func (s *sender) serve(c *net.UnixConn) error {
	var request [requestLen]byte
	var answer [answerLen]byte
	for {
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return err
		}
		le := binary.LittleEndian
		n := wire.Slot(le.Uint32(request[:]))
		fd, size, err := s.descriptor(n)
		if err != nil {
			return err
		}
		le.PutUint32(answer[:], uint32(n))
		le.PutUint32(answer[4:], uint32(size))
		if err := c.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		if fd < 0 {
			_, err = c.Write(answer[:])
		} else {
			_, _, err = c.WriteMsgUnix(answer[:], unix.UnixRights(fd), nil)
			_ = unix.Close(fd)
		}
		if err != nil {
			return err
		}
	}
}

// descriptor duplicates that of a slot which the reader has references into, or of the mailbox; fd is -1 if there is none.
func (s *sender) descriptor(n wire.Slot) (fd, size int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == mailSlot && s.mu.mail != nil {
		fd, err = unix.FcntlInt(uintptr(s.mu.mail.fd), unix.F_DUPFD_CLOEXEC, 3)
		return fd, mailBytes, err
	}
	t := s.mu.slots[n]
	if t == nil || t.frames == 0 {
		return -1, 0, nil
	}
	fd, err = t.seg.Descriptor()
	return fd, t.seg.Bytes(), err
}
