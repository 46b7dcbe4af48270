package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Config says whose journal it is, and where.
type Config struct {
	Dir         string // is made if it is not there
	Job         uint64
	Stage       int
	Node        frame.NodeID
	Incarnation frame.Incarnation
	// Changed is called, by the goroutine that writes, when Durable has grown.
	Changed func()
	// Warn is told, by the same goroutine, why what was appended is not durable yet; it may be nil.
	Warn func(error)
	// Found, if set, may refuse the records that Open has found, before anything is written.
	Found func([]Record) error
	// SegmentBytes is about how long a segment gets; 0: 4 MiB.
	SegmentBytes int64
}

const (
	segmentBytes = 4 << 20
	// pendingMax bounds what waits to be written. Sources are bounded far below it, by admission and by pendingRoom, beyond which there is no Room.
	pendingMax  = 64 << 20
	pendingRoom = pendingMax / 4
	// retryAfter is the time between two tries on a disk that does not take what is written.
	retryAfter = 200 * time.Millisecond
)

// ErrClosed says that the journal is closed.
var ErrClosed = errors.New("journal: closed")

// file is what is needed of an *os.File.
type file interface {
	io.Writer
	io.Closer
	Sync() error
}

// Journal is the journal of the source tasks of a stage on a node, open for writing.
type Journal struct {
	cfg     Config
	create  func(path string) (file, error)
	durable atomic.Uint64
	wake    chan struct{} // capacity 1
	stop    chan struct{}
	done    chan struct{}
	mu      struct {
		sync.Mutex
		pending []byte // records behind the durable ones, encoded
		number  uint64 // of the last one appended
		trim    frame.Tick
		closed  bool
		stats   Stats
	}
	// The rest belongs to the goroutine that writes.
	segments []*segment // the newest is written
	out      file       // nil: a new segment is to be begun
	writing  []byte
}

// Open reads the journal, seals what its former lives have left, and begins a segment of this one. It returns the records there are, oldest
// first.
func Open(cfg Config) (*Journal, []Record, error) {
	return open(cfg, func(path string) (file, error) { return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644) })
}

func open(cfg Config, create func(string) (file, error)) (*Journal, []Record, error) {
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = segmentBytes
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, nil, err
	}
	j := &Journal{cfg: cfg, create: create, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	var records []Record
	var err error
	j.segments, err = scan(cfg.Dir, func(_ *segment, _ uint64, r Record) {
		r.Input = r.Input.elsewhere()
		records = append(records, r)
	})
	if err != nil {
		return nil, nil, err
	}
	if n := len(j.segments); n > 0 { // which may have no record, all that were before it being trimmed
		newest := j.segments[n-1]
		j.mu.number = newest.header.first + newest.count - 1
	}
	for _, s := range j.segments {
		if got, want := s.header.owner, j.owner(); got != want {
			return nil, nil, fmt.Errorf("%s: journal of job %#x, stage %d, node %d, want job %#x, stage %d, node %d",
				filepath.Join(cfg.Dir, name(s.seq)), got.job, got.stage, got.node, want.job, want.stage, want.node)
		}
		if s.header.incarnation > cfg.Incarnation {
			return nil, nil, fmt.Errorf("%s: written by incarnation %d, this is %d: a newer life has taken over", filepath.Join(cfg.Dir, name(s.seq)),
				s.header.incarnation, cfg.Incarnation)
		}
	}
	if cfg.Found != nil {
		if err := cfg.Found(records); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", cfg.Dir, err)
		}
	}
	if err := j.begin(); err != nil {
		return nil, nil, err
	}
	j.durable.Store(j.mu.number)
	j.count()
	go j.run()
	return j, records, nil
}

func (j *Journal) owner() owner { return owner{j.cfg.Job, uint32(j.cfg.Stage), j.cfg.Node} }

// begin makes a new segment behind the newest, durable with its header.
func (j *Journal) begin() error {
	s := &segment{seq: 1, header: header{owner: j.owner(), incarnation: j.cfg.Incarnation, first: 1}, valid: headerLen}
	if n := len(j.segments); n > 0 {
		before := j.segments[n-1]
		s.seq, s.header.sealed, s.header.first = before.seq+1, uint64(before.valid), before.header.first+before.count
	}
	out, err := j.create(filepath.Join(j.cfg.Dir, name(s.seq)))
	if err != nil {
		return err
	}
	_, err = out.Write(s.header.append(nil))
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = syncDir(j.cfg.Dir)
	}
	if err != nil {
		_ = out.Close()
		return err
	}
	j.segments, j.out = append(j.segments, s), out
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// Append adds a record behind all others and returns its number. It does not wait: Durable says what is on disk.
func (j *Journal) Append(r Record) (uint64, error) {
	if err := r.valid(); err != nil {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.mu.closed:
		return 0, ErrClosed
	case len(j.mu.pending) >= pendingMax:
		return 0, fmt.Errorf("journal: %d bytes wait to be written to %s", len(j.mu.pending), j.cfg.Dir)
	}
	j.mu.number++
	j.mu.pending = appendRecord(j.mu.pending, j.mu.number, &r)
	j.kick()
	return j.mu.number, nil
}

// Room says whether rows should be added: not while much waits to be written. Config.Changed follows when there is room again.
func (j *Journal) Room() bool {
	return !j.Stats().Full
}

// Durable is the number up to which all records are on disk.
func (j *Journal) Durable() uint64 { return j.durable.Load() }

// Trim says that nobody will ask for records of ticks up to t any more. Segments go as a whole, in the background.
func (j *Journal) Trim(t frame.Tick) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.trim = max(j.mu.trim, t)
	j.kick()
}

func (j *Journal) kick() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Close makes one more attempt to write what is pending, and ends. Its error says that something appended is not durable.
func (j *Journal) Close() error {
	j.mu.Lock()
	first := !j.mu.closed
	j.mu.closed = true
	j.mu.Unlock()
	if first {
		close(j.stop)
	}
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	if left := j.mu.number - j.durable.Load(); left > 0 && first {
		return fmt.Errorf("%s: %d records are not on disk", j.cfg.Dir, left)
	}
	return nil
}
