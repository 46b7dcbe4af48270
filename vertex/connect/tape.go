package connect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/vertex"
)

// Feed hands on bytes that one process alone can read, such as its standard input, and keeps them until they are Kept. A goroutine reads; the other
// methods may be called from any. After Begin comes what follows the place it names.
type Feed interface {
	Begin(t Extent) error
	io.Reader
	Kept(to uint64)
	// Close ends a Read under way.
	Close() error
}

// Extent is a beginning of a split: as much as was taken of it.
type Extent struct {
	Bytes uint64
	Lines uint64
	Sum   uint64 // XXH64 of the bytes
}

// Tape is what a split that cannot be read again has on its way to the decoder: what a reader before has taken, then what its Feed brings. A decoder reads it from a
// goroutine of its own, as Input; the other methods are the reader's owner's, but for Header.
type Tape struct {
	open func() (Feed, error)

	mu      sync.Mutex
	changed sync.Cond // with mu: given, resumed or closed
	// Guarded by mu. Invariants: from <= taken <= to = from+len(bytes), and read <= to; bytes are never changed in place.
	head    []byte // what the decoder reads first, before a place behind it: the header
	headAt  int
	bytes   []byte
	from    uint64
	read    uint64 // given to the decoder
	taken   uint64 // durable, or its caller's
	lines   uint64 // below taken
	sum     *xxhash.Digest
	ended   bool // the split has no more than bytes
	said    bool // Taken has said so
	resumed bool
	closed  bool
	feed    Feed
}

func newTape(open func() (Feed, error)) *Tape {
	t := &Tape{open: open, sum: xxhash.New()}
	t.changed.L = &t.mu
	return t
}

func (t *Tape) to() uint64 { return t.from + uint64(len(t.bytes)) }

// Read is for the decoder.
func (t *Tape) Read(p []byte) (int, error) {
	t.mu.Lock()
	if t.headAt < len(t.head) {
		defer t.mu.Unlock()
		n := copy(p, t.head[t.headAt:])
		t.headAt += n
		return n, nil
	}
	for t.read == t.to() && !t.ended && !t.resumed && !t.closed {
		t.changed.Wait()
	}
	if t.read < t.to() || t.ended || t.closed {
		defer t.mu.Unlock()
		n := copy(p, t.bytes[t.read-t.from:])
		t.read += uint64(n)
		switch {
		case t.closed:
			return 0, errClosed
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
	t.mu.Unlock()
	return t.readOn(p)
}

// readOn reads from the feed, which it opens first.
func (t *Tape) readOn(p []byte) (int, error) {
	if t.feed == nil {
		if err := t.begin(); err != nil {
			return 0, err
		}
	}
	n, err := t.feed.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, p[:n]...)
	t.read += uint64(n)
	t.ended = errors.Is(err, io.EOF)
	return n, err
}

func (t *Tape) begin() error {
	f, err := t.open()
	if err != nil {
		return err
	}
	t.mu.Lock()
	at := Extent{Bytes: t.taken, Lines: t.lines, Sum: t.sum.Sum64()}
	closed := t.closed
	t.feed = f
	t.mu.Unlock()
	if closed {
		return errors.Join(errClosed, f.Close())
	}
	return f.Begin(at)
}

// Begun tells whether something of the split was read before.
func (t *Tape) Begun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.from > 0
}

// Header says that the rows begin n bytes behind the beginning of the split: the decoder's.
func (t *Tape) Header(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.head = bytes.Clone(t.bytes[:n])
	t.headAt = len(t.head)
}

// give is vertex.TapeReader.Give.
func (t *Tape) give(at uint64, b []byte, end bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at > t.to() {
		return fmt.Errorf("got bytes at %d, want those at %d: what lies between is lost", at, t.to())
	}
	if over := t.to() - at; over < uint64(len(b)) {
		b = b[over:]
		t.bytes = append(t.bytes, b...)
		t.pass(t.to())
	}
	t.ended, t.said = t.ended || end, t.said || end
	t.changed.Broadcast()
	return nil
}

// pass moves taken. Called with the lock.
func (t *Tape) pass(to uint64) {
	b := t.bytes[t.taken-t.from : to-t.from]
	t.lines += uint64(bytes.Count(b, []byte{'\n'}))
	_, _ = t.sum.Write(b) // never fails
	t.taken = to
}

func (t *Tape) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resumed = true
	t.changed.Broadcast()
}

// take returns what lies up to a place and was not taken before; of what lies before keep nothing is wanted any more.
func (t *Tape) take(to, keep uint64) (at uint64, b []byte, end bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at = t.taken
	if to > at {
		b = t.bytes[at-t.from : to-t.from]
		t.pass(to)
	}
	end = t.ended && t.taken == t.to() && !t.said
	t.said = t.said || end
	if n := min(keep, t.taken); n > t.from {
		t.bytes, t.from = t.bytes[n-t.from:], n
	}
	return at, b, end
}

func (t *Tape) kept(to uint64) {
	t.mu.Lock()
	f := t.feed
	t.mu.Unlock()
	if f != nil {
		f.Kept(to)
	}
}

func (t *Tape) close() error {
	t.mu.Lock()
	t.closed = true
	f := t.feed
	t.changed.Broadcast()
	t.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.Close()
}

// tapeVersion is the first value of a tape's position, which follows that of its reader: then header, bytes from the reader's place on, whether the split ends behind
// them (0 or 1), lines below their end, and the state of the sum.
const tapeVersion = 1

// write appends to a position whose place in the split is given.
func (t *Tape) write(w vertex.SnapshotWriter, from uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w.Uint64(tapeVersion)
	w.Bytes(t.head)
	w.Uint64(from)
	w.Bytes(t.bytes[from-t.from : t.taken-t.from])
	ended := uint64(0)
	if t.said {
		ended = 1
	}
	w.Uint64(ended)
	w.Uint64(t.lines)
	sum, _ := t.sum.MarshalBinary() // never fails
	w.Bytes(sum)
}

// load reads what write wrote.
func (t *Tape) load(name string, p *position, r vertex.SnapshotReader) error {
	version := r.Uint64()
	t.head = bytes.Clone(r.Bytes())
	t.from = r.Uint64()
	t.bytes = bytes.Clone(r.Bytes())
	t.said, t.lines = r.Uint64() != 0, r.Uint64()
	sum := bytes.Clone(r.Bytes())
	switch {
	case r.Err() != nil:
		return fmt.Errorf("%s: its position cannot be read: %w", name, r.Err())
	case version != tapeVersion:
		return fmt.Errorf("%s: its position is of version %d, want %d", name, version, tapeVersion)
	case p.lane > 1 || p.lane == 0 && t.from != p.place.Byte || p.lane == 0 && p.place.Byte > 0 && p.place.Byte < uint64(len(t.head)):
		return fmt.Errorf("%s: its position is byte %d of part %d, with %d bytes from %d on and a header of %d", name, p.place.Byte, p.lane+1, len(t.bytes), t.from, len(t.head))
	}
	if err := t.sum.UnmarshalBinary(sum); err != nil {
		return fmt.Errorf("%s: its position: %w", name, err)
	}
	t.ended, t.read, t.taken = t.said, t.from, t.to()
	if p.place.Byte == 0 && p.lane == 0 {
		t.headAt = len(t.head) // it is read with the rest
	}
	return nil
}
