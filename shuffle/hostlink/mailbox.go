package hostlink

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// mailbox is memory that the two ends of a link share while a connection lasts: a ring of units for each direction. The sending end makes it.
type mailbox struct {
	mem              []byte
	fd               int  // the sending end's; -1 at the other
	forward, reverse ring // this process's ends of them
}

// The layout of a mailbox: a page of words, then the two rings.
const (
	mailRingBytes = 128 << 10
	mailBytes     = mailHeadBytes + 2*mailRingBytes
	mailHeadBytes = 4 << 10
	reverseWords  = 1 << 10 // where the words of the reverse ring begin

	tailAt = 0 // words of a ring, each in a cache line of its own
	headAt = 64
	bellAt = 128
	roomAt = 192

	mailSlot wire.Slot = 0 // by which its descriptor is asked for
)

const _ = uint(reverseWords-roomAt-8) + uint(mailRingBytes&(mailRingBytes-1)*-1)

// newMailbox makes an empty one.
func newMailbox() (_ *mailbox, err error) {
	fd, err := unix.MemfdCreate("streamscope-mail", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("hostlink: memory for mail: %w", err)
	}
	if err = unix.Fallocate(fd, 0, 0, mailBytes); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	m := &mailbox{fd: fd}
	if err == nil {
		err = m.mmap(fd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hostlink: %d bytes of memory for mail: %w", mailBytes, err), unix.Close(fd))
	}
	m.forward.bell.Store(1)
	m.reverse.bell.Store(1)
	return m, nil
}

// mapMailbox maps the one behind a descriptor, and closes that.
func mapMailbox(fd, size int) (*mailbox, error) {
	defer unix.Close(fd)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 {
		return nil, fmt.Errorf("hostlink: mail: %w: seals %#x (%v)", ringlog.ErrNotSealed, seals, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("hostlink: mail: %w", err)
	}
	if st.Size != mailBytes || size != mailBytes {
		return nil, fmt.Errorf("%w: %d bytes for mail, told as %d, want %d", wire.ErrGarbage, st.Size, size, mailBytes)
	}
	m := &mailbox{fd: -1}
	if err := m.mmap(fd); err != nil {
		return nil, fmt.Errorf("hostlink: mail: %w", err)
	}
	return m, nil
}

func (m *mailbox) mmap(fd int) (err error) {
	if m.mem, err = unix.Mmap(fd, 0, mailBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return err
	}
	m.forward = newRing(m.mem, m.mem[mailHeadBytes:][:mailRingBytes])
	m.reverse = newRing(m.mem[reverseWords:], m.mem[mailHeadBytes+mailRingBytes:])
	return nil
}

// close gives the memory back. Nobody may use the mailbox any more.
func (m *mailbox) close() {
	_ = unix.Munmap(m.mem)
	if m.fd >= 0 {
		_ = unix.Close(m.fd)
	}
}

// ring is one end of a ring of units: its only writer, or its only reader. Both ends are processes that trust each other no more than over
// a socket: what the other one wrote is checked, and copied before it is looked at.
//
// Invariant: head <= tail <= head + size; at is the own end's one.
type ring struct {
	tail, head *atomic.Uint64 // bytes written and read since the beginning
	bell       *atomic.Uint32 // 1: the reader sleeps, and is to be told of what is written
	room       *atomic.Uint32 // 1: the writer waits for room, and is to be told of what is read
	data       []byte
	at         uint64
}

func newRing(words, data []byte) ring {
	return ring{
		tail: (*atomic.Uint64)(unsafe.Pointer(&words[tailAt])), head: (*atomic.Uint64)(unsafe.Pointer(&words[headAt])),
		bell: (*atomic.Uint32)(unsafe.Pointer(&words[bellAt])), room: (*atomic.Uint32)(unsafe.Pointer(&words[roomAt])),
		data: data,
	}
}

// hasRoom reports whether n bytes can be put. If not, the reader is asked to tell when it has read something.
func (r *ring) hasRoom(n int) bool {
	if r.free() >= n {
		return true
	}
	r.room.Store(1)
	return r.free() >= n
}

func (r *ring) free() int {
	used := r.at - r.head.Load()
	if used > uint64(len(r.data)) {
		return 0 // the reader is not what it says it is
	}
	return len(r.data) - int(used)
}

// put writes whole units, of which the last may be unpadded. There is room for them.
func (r *ring) put(b []byte) {
	at := int(r.at) & (len(r.data) - 1)
	n := copy(r.data[at:], b)
	copy(r.data, b[n:])
	r.at += uint64(frame.PadLen(len(b)))
}

// publish lets the reader see what was put. It reports whether the reader has to be told.
func (r *ring) publish() (tell bool) {
	if r.tail.Load() == r.at {
		return false
	}
	r.tail.Store(r.at)
	return r.bell.Load() == 1 && r.bell.CompareAndSwap(1, 0)
}

func (r *ring) empty() bool { return r.tail.Load() == r.at }

// next copies the next unit to scratch, which it may replace, and returns it unpadded; nil if there is none. The error wraps wire.ErrGarbage or
// wire.ErrOversized.
func (r *ring) next(scratch []byte, maxFrame int) (unit, newScratch []byte, err error) {
	there := r.tail.Load() - r.at
	if there == 0 {
		return nil, scratch, nil
	}
	if there > uint64(len(r.data)) || there%wire.Align != 0 {
		return nil, scratch, fmt.Errorf("%w: %d bytes of mail in %d", wire.ErrGarbage, there, len(r.data))
	}
	at := int(r.at) & (len(r.data) - 1)
	var first [wire.HeadLen]byte
	copy(first[:], r.data[at:])
	head, err := wire.ParseHead(first[:], maxFrame)
	if err != nil {
		return nil, scratch, err
	}
	n := head.Padded()
	if uint64(n) > there {
		return nil, scratch, fmt.Errorf("%w: %v of %d bytes in %d of mail", wire.ErrGarbage, head.Type, head.Len, there)
	}
	if cap(scratch) < n {
		scratch = make([]byte, max(n, 4<<10))
	}
	unit = scratch[:n]
	copy(unit[copy(unit, r.data[at:]):], r.data)
	copy(unit, first[:]) // as it was when it was judged
	r.at += uint64(n)
	return unit[:head.Len], scratch, nil
}

// taken gives the room of what was read back. It reports whether the writer has to be told.
func (r *ring) taken() (tell bool) {
	r.head.Store(r.at)
	return r.room.Load() == 1 && r.room.CompareAndSwap(1, 0)
}
