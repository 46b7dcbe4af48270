package netio

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SpliceBytes is the length from which on a kept piece (Keeper) is sent from where it lies. A shorter one is copied by the kernel, like any
// other: to refer to a page costs about as much as to copy half of it.
const SpliceBytes = 32 << 10

// splicePipeBytes is the room of a splicer's pipe: a frame of the usual length goes through it in one piece.
const splicePipeBytes = 512 << 10

// errNoSplice: the kernel does not take memory this way, and took nothing.
var errNoSplice = errors.New("no splicing")

// splicer sends memory over a connection without copying it: its pages are put into a pipe, and from there into the socket's queue. They must
// not change until the peer has read them. It belongs to the goroutine that owns the connection, as does what netpoll has not flushed.
//
// Invariant: the pipe is empty between two calls of send that returned nil; after an error the connection ends.
type splicer struct {
	sock *os.File // the connection's socket, by a descriptor of its own: Go's poller waits for room in it, since netpoll's cannot be asked to
	raw  syscall.RawConn
	in   int // end of the pipe that pages are put into
	out  int
	step func(fd uintptr) bool // bound once, so that send does not allocate

	iov   [1]unix.Iovec
	rest  []byte // of the piece at hand, not in the pipe yet
	piped int    // bytes in the pipe
	flags int    // of splice
	moved bool   // the socket took something of the piece
	err   error
}

// newSplicer makes a splicer for the connected, non-blocking socket fd, which stays the caller's.
func newSplicer(fd int) (*splicer, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("netio: pipe: %w", err)
	}
	s := &splicer{out: ends[0], in: ends[1]}
	s.step = s.advance
	if _, err := unix.FcntlInt(uintptr(s.in), unix.F_SETPIPE_SZ, splicePipeBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("netio: pipe of %d bytes: %w", splicePipeBytes, err), s.close())
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netio: duplicate descriptor: %w", err), s.close())
	}
	s.sock = os.NewFile(uintptr(own), "link")
	if s.raw, err = s.sock.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close gives the descriptors back; pages that are still on their way stay with the kernel.
func (s *splicer) close() error {
	errs := []error{unix.Close(s.in), unix.Close(s.out)}
	if s.sock != nil {
		errs = append(errs, s.sock.Close())
	}
	return errors.Join(errs...)
}

// send hands p to the kernel and returns when it has all of it. more: it need not leave before what comes next. errNoSplice: send it in another way. Any other error, wrapping ErrLost, is the
// end of the connection: a part of p may have gone.
func (s *splicer) send(p []byte, more bool) error {
	s.rest, s.piped, s.moved, s.err = p, 0, false, nil
	s.flags = unix.SPLICE_F_NONBLOCK
	if more {
		s.flags |= unix.SPLICE_F_MORE
	}
	err := s.raw.Write(s.step)
	s.rest = nil
	switch {
	case err != nil:
		return lost(err)
	case s.err == nil:
		return nil
	case !s.moved && (errors.Is(s.err, unix.EINVAL) || errors.Is(s.err, unix.ENOSYS) || errors.Is(s.err, unix.EPERM)):
		return fmt.Errorf("%w: %w", errNoSplice, s.err)
	}
	return lost(s.err)
}

// advance moves what the socket takes. false: it is full.
func (s *splicer) advance(fd uintptr) (done bool) {
	for len(s.rest) > 0 || s.piped > 0 {
		err := s.fill()
		if err == nil {
			err = s.drain(int(fd))
		}
		switch err {
		case nil, unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			s.err = err
			return true
		}
	}
	return true
}

// fill puts pages into the empty pipe.
func (s *splicer) fill() error {
	if s.piped > 0 {
		return nil
	}
	s.iov[0].Base = &s.rest[0]
	s.iov[0].SetLen(len(s.rest))
	n, err := rawCall(unix.SYS_VMSPLICE, uintptr(s.in), uintptr(unsafe.Pointer(&s.iov[0])), 1, 0, 0, 0)
	s.piped, s.rest = n, s.rest[n:]
	return err
}

// drain moves pages from the pipe to the socket.
func (s *splicer) drain(fd int) error {
	n, err := rawCall(unix.SYS_SPLICE, uintptr(s.out), 0, uintptr(fd), 0, uintptr(s.piped), uintptr(s.flags))
	if n > 0 {
		s.piped -= n
		s.moved = true
	}
	return err
}

// rawCall does not tell Go's scheduler, as netpoll's calls do not: nothing here waits, and a processor that is handed to another thread meanwhile
// costs more than the call.
func rawCall(trap, a, b, c, d, e, f uintptr) (n int, err error) {
	r, _, errno := unix.RawSyscall6(trap, a, b, c, d, e, f)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
