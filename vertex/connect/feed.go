package connect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// What a process says to the Feeder, over a socket that it inherited: an Extent once, then how far bytes are kept (u64), again and again; integers are little endian. The
// answer is pieces, each behind its length (u32): 0 is the end of the input, errorBit marks the words of an error, which is the end too.
const (
	extentLen = 24
	keptLen   = 8
	feedPiece = 64 << 10
	errorBit  = 1 << 31
)

// ErrFeederGone means that the process which reads standard input has ended before its end.
var ErrFeederGone = errors.New("the process that reads it is gone")

// feed is the end of a reader.
type feed struct {
	conn *net.UnixConn
	left int // of the piece at hand
	end  error
	mu   sync.Mutex // one Kept at a time
}

// OpenFeed takes an end that Feeder.Attach returned; f is the caller's.
func OpenFeed(f *os.File) (Feed, error) {
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stdinName, err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: got a %T, want a socket", stdinName, c), c.Close())
	}
	return &feed{conn: u}, nil
}

// Begin implements Feed.
func (f *feed) Begin(t Extent) error {
	le := binary.LittleEndian
	b := le.AppendUint64(nil, t.Bytes)
	b = le.AppendUint64(b, t.Lines)
	_, err := f.conn.Write(le.AppendUint64(b, t.Sum))
	return err
}

// Read implements Feed.
func (f *feed) Read(p []byte) (int, error) {
	if f.end != nil {
		return 0, f.end
	}
	if f.left == 0 {
		if f.end = f.next(); f.end != nil {
			return 0, f.end
		}
	}
	n, err := f.conn.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err != nil {
		f.end = gone(err)
	}
	return n, f.end
}

// next begins a piece.
func (f *feed) next() error {
	var head [4]byte
	if _, err := io.ReadFull(f.conn, head[:]); err != nil {
		return gone(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	switch {
	case n == 0:
		return io.EOF
	case n&errorBit == 0:
		f.left = int(n)
		return nil
	}
	words, err := io.ReadAll(io.LimitReader(f.conn, int64(n&^errorBit)))
	if err != nil {
		return gone(err)
	}
	return errors.New(string(words))
}

func gone(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrFeederGone
	}
	return err
}

// Kept implements Feed. That it does not arrive shows in the next Read.
func (f *feed) Kept(to uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.conn.Write(binary.LittleEndian.AppendUint64(nil, to))
}

// Close implements Feed.
func (f *feed) Close() error { return f.conn.Close() }
