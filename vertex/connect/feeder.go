package connect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// FeederConfig says what a Feeder reads.
type FeederConfig struct {
	// In is a descriptor, such as 0. It is not closed.
	In int
	// Again says that the input is, from its beginning on, the one that was taken before: what was taken is compared, and passed over. Else it is what follows that.
	Again bool
	// Told, if set, hears once how much was taken before the first byte that is read here, or compared here.
	Told func(Extent)
}

// feederWindow is how much is kept at most: more than the longest row, and what a reader holds of others: lanes of blocks, and a buffer.
const feederWindow = 16 << 20

// Feeder reads an input on behalf of readers, one after the other, that may be lost before what they have read is durable: it keeps that until it is. What it keeps is lost
// with its process.
//
// One goroutine reads, from the first question on; two serve each reader that was attached.
type Feeder struct {
	cfg     FeederConfig
	stop    chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond // with mu
	// Guarded by mu. Invariant: bytes are those from kept on, up to what was read.
	bytes  []byte
	kept   uint64
	begun  bool
	end    error // behind bytes: io.EOF, or why no more can be read
	newest *net.UnixConn
	conns  map[*net.UnixConn]bool
	closed bool
}

// NewFeeder reads nothing before somebody asks.
func NewFeeder(cfg FeederConfig) *Feeder {
	f := &Feeder{cfg: cfg, stop: make(chan struct{}), conns: map[*net.UnixConn]bool{}}
	f.changed.L = &f.mu
	return f
}

// Attach returns the end of one more reader, for OpenFeed; the caller's to close, once a process has inherited it. A reader that begins ends those before.
func (f *Feeder) Attach() (*os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stdinName, os.NewSyscallError("socketpair", err))
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "feeder"), os.NewFile(uintptr(fds[1]), "feed")
	c, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", stdinName, err), theirs.Close())
	}
	conn := c.(*net.UnixConn)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errors.Join(errClosed, conn.Close(), theirs.Close())
	}
	f.conns[conn] = true
	f.running.Go(func() { f.serve(conn) })
	return theirs, nil
}

// Close ends all readers, and returns when the goroutines have ended.
func (f *Feeder) Close() {
	f.mu.Lock()
	if !f.closed {
		close(f.stop)
	}
	f.closed = true
	for c := range f.conns {
		c.Close()
	}
	f.changed.Broadcast()
	f.mu.Unlock()
	f.running.Wait()
}

// serve is the life of a reader.
func (f *Feeder) serve(c *net.UnixConn) {
	defer func() {
		c.Close()
		f.mu.Lock()
		delete(f.conns, c)
		f.mu.Unlock()
	}()
	var b [extentLen]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return // it never asked
	}
	le := binary.LittleEndian
	at := Extent{le.Uint64(b[:]), le.Uint64(b[8:]), le.Uint64(b[16:])}
	if err := f.begin(c, at); err != nil {
		fail(c, err)
		return
	}
	f.running.Go(func() { f.listen(c) })
	f.send(c, at.Bytes)
}

// begin makes c the one that is served.
func (f *Feeder) begin(c *net.UnixConn, at Extent) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest != nil {
		f.newest.Close()
	}
	f.newest = c
	switch read := f.kept + uint64(len(f.bytes)); {
	case !f.begun:
		f.begun, f.kept = true, at.Bytes
		f.running.Go(func() { f.pump(at) })
	case at.Bytes < f.kept || at.Bytes > read:
		return fmt.Errorf("the bytes from %d to %d are there, want those from %d on", f.kept, read, at.Bytes)
	}
	f.drop(at.Bytes)
	f.changed.Broadcast()
	return nil
}

// drop forgets what is durable. Called with the lock.
func (f *Feeder) drop(to uint64) {
	if to > f.kept && to <= f.kept+uint64(len(f.bytes)) {
		f.bytes, f.kept = f.bytes[to-f.kept:], to
	}
}

// listen hears what a reader has kept.
func (f *Feeder) listen(c *net.UnixConn) {
	var b [keptLen]byte
	for {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			break
		}
		f.mu.Lock()
		if f.newest == c {
			f.drop(binary.LittleEndian.Uint64(b[:]))
			f.changed.Broadcast()
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	f.changed.Broadcast() // send looks whether c is still served
	if f.newest == c {
		f.newest = nil
	}
	f.mu.Unlock()
}

// send hands on what lies behind a place, until the end, or until c is not the one that is served.
func (f *Feeder) send(c *net.UnixConn, at uint64) {
	for {
		b, end := f.behind(c, at)
		switch {
		case len(b) > 0:
			if !piece(c, uint32(len(b)), b) {
				return
			}
			at += uint64(len(b))
		case end == nil:
			return
		case end == io.EOF:
			piece(c, 0, nil)
			return
		default:
			fail(c, end)
			return
		}
	}
}

// behind waits for bytes behind a place, or the end. Neither: c is not served any more.
func (f *Feeder) behind(c *net.UnixConn, at uint64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if f.closed || f.newest != c || at < f.kept {
			return nil, nil
		}
		if b := f.bytes[at-f.kept:]; len(b) > 0 {
			return b[:min(len(b), feedPiece)], nil // bytes are only appended, or left behind
		}
		if f.end != nil {
			return nil, f.end
		}
		f.changed.Wait()
	}
}

func fail(c *net.UnixConn, err error) {
	words := []byte(err.Error())
	piece(c, uint32(len(words))|errorBit, words)
}

func piece(c *net.UnixConn, head uint32, b []byte) bool {
	_, err := c.Write(append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(b)), head), b...))
	return err == nil
}

// pump reads the input, from what follows at.
func (f *Feeder) pump(at Extent) {
	in := &pollReader{fd: f.cfg.In, done: f.stop}
	err := f.passOver(in, at)
	if f.cfg.Told != nil && err == nil {
		f.cfg.Told(at)
	}
	buf := make([]byte, feedPiece)
	for err == nil {
		if !f.room() {
			return
		}
		var n int
		n, err = in.Read(buf)
		f.mu.Lock()
		f.bytes = append(f.bytes, buf[:n]...)
		f.changed.Broadcast()
		f.mu.Unlock()
	}
	f.mu.Lock()
	f.end = err
	f.changed.Broadcast()
	f.mu.Unlock()
}

// room waits until more may be kept; false at the end.
func (f *Feeder) room() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.bytes) >= feederWindow && !f.closed {
		f.changed.Wait()
	}
	return !f.closed
}

// passOver reads what was taken before, and compares it.
func (f *Feeder) passOver(in io.Reader, at Extent) error {
	if !f.cfg.Again {
		return nil
	}
	sum := xxhash.New()
	n, err := io.CopyN(sum, in, int64(at.Bytes))
	switch {
	case err == io.EOF:
		return fmt.Errorf("it ends after %d bytes, but %d were taken before: it is not the same input again", n, at.Bytes)
	case err != nil:
		return err
	case sum.Sum64() != at.Sum:
		return fmt.Errorf("its first %d bytes are not those that were taken before: it is not the same input again", n)
	}
	return nil
}
