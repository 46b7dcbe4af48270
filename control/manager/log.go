package manager

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	// logMaxBytes bounds what a worker's log has while a manager reads it: all of it has been passed on by then.
	logMaxBytes = 4 << 20
	logEvery    = 50 * time.Millisecond
)

func logPath(dir string, node frame.NodeID) string {
	return filepath.Join(dir, fmt.Sprintf("worker-%d.log", node))
}

// newLog begins the log of a worker's new life; that of the life before stays beside it.
func newLog(dir string, node frame.NodeID) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := logPath(dir, node)
	if err := os.Rename(path, path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR|os.O_APPEND, 0o644)
}

// openLog opens the log of a worker that lives, and tells where it ends: what stands there was said to another manager, or to nobody. Without a
// log, which is nobody's loss, the file is nil.
func openLog(dir string, node frame.NodeID) (*os.File, int64) {
	f, err := os.OpenFile(logPath(dir, node), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, 0
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, 0
	}
	return f, end
}

// follow passes on what a worker appends to its log behind a position, until it has ended and all is read, or until stop.
func (t *tail) follow(at int64, ended, stop <-chan struct{}) {
	if t.from == nil {
		return
	}
	defer t.from.Close()
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	var rest []byte
	for over := false; !over; {
		select {
		case <-tick.C:
		case <-ended:
			over = true
		case <-stop:
			return
		}
		at, rest = t.more(at, rest)
	}
	if len(rest) > 0 {
		t.line(string(rest))
	}
}

// more passes on the whole lines of what stands behind a position. It returns how far it is read, and the beginning of a line.
func (t *tail) more(at int64, rest []byte) (int64, []byte) {
	buf := make([]byte, lineMaxBytes)
	for {
		n, err := t.from.ReadAt(buf, at)
		at += int64(n)
		rest = append(rest, buf[:n]...)
		for {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			t.line(string(line))
			rest = after
		}
		if len(rest) > lineMaxBytes {
			rest = nil // no line of ours
		}
		if err != nil {
			break
		}
	}
	if at > logMaxBytes && t.from.Truncate(0) == nil {
		at = 0
	}
	return at, rest
}
