package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// run writes and syncs until the journal is closed.
func (j *Journal) run() {
	defer close(j.done)
	for {
		stopped := false
		select {
		case <-j.wake:
		case <-j.stop:
			stopped = true
		}
		for {
			err := j.commit()
			if err == nil {
				break
			}
			j.warn(err)
			j.count()
			if stopped || !j.rest() {
				stopped = true
				break
			}
		}
		if stopped {
			if j.out != nil {
				_ = j.out.Close() // what counts was synced
			}
			return
		}
		j.remove()
	}
}

func (j *Journal) warn(err error) {
	if j.cfg.Warn != nil {
		j.cfg.Warn(fmt.Errorf("journal %s: %w", j.cfg.Dir, err))
	}
}

// rest waits before the next try; false when the journal is closed meanwhile.
func (j *Journal) rest() bool {
	t := time.NewTimer(retryAfter)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.stop:
		return false
	}
}

// commit makes everything durable that is pending. After an error nothing of it counts, and all of it is written again, elsewhere: what a
// failed sync has lost is not known.
func (j *Journal) commit() error {
	j.take()
	if len(j.writing) == 0 {
		return nil
	}
	if j.out == nil || j.segments[len(j.segments)-1].valid >= j.cfg.SegmentBytes {
		if err := j.next(); err != nil {
			return err
		}
	}
	s := j.segments[len(j.segments)-1]
	_, err := j.out.Write(j.writing)
	if err == nil {
		err = j.out.Sync()
	}
	if err != nil {
		_ = j.out.Close()
		j.out = nil
		return err
	}
	for b := j.writing; len(b) > 0; b = b[recordLen+le.Uint32(b):] {
		s.note(frame.Tick(le.Uint64(b[recordLen+8:])), frame.Tick(le.Uint64(b[recordLen+16:])))
	}
	s.valid += int64(len(j.writing))
	j.writing = j.writing[:0]
	j.durable.Store(s.header.first + s.count - 1)
	j.count()
	if j.cfg.Changed != nil {
		j.cfg.Changed()
	}
	return nil
}

// take moves what is pending behind what could not be written yet.
func (j *Journal) take() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.writing) == 0 {
		j.writing, j.mu.pending = j.mu.pending, j.writing
		return
	}
	j.writing = append(j.writing, j.mu.pending...)
	j.mu.pending = j.mu.pending[:0]
}

// next begins another segment.
func (j *Journal) next() error {
	if j.out != nil {
		if err := j.out.Close(); err != nil {
			j.out = nil
			return err
		}
		j.out = nil
	}
	return j.begin()
}

// remove deletes the segments at the front that nobody will ask for.
func (j *Journal) remove() {
	j.mu.Lock()
	trim := j.mu.trim
	j.mu.Unlock()
	n := 0
	for n < len(j.segments)-1 && j.segments[n].last <= trim {
		if err := os.Remove(filepath.Join(j.cfg.Dir, name(j.segments[n].seq))); err != nil && !os.IsNotExist(err) {
			j.warn(err)
			break
		}
		n++
	}
	if n > 0 {
		j.segments = j.segments[n:]
		j.count()
	}
}
