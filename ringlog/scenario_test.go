package ringlog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestScenarios runs testdata/scenarios on every backing: the golden output is the same for all.
func TestScenarios(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
			runScenario(t, path, b)
		})
	})
}

func runScenario(t *testing.T, path string, b Backing) {
	s := &scenario{t: t, backing: b, logs: map[string]*Log{}, leases: map[string]Lease{}, wakes: map[string]int{}}
	if b == Tmpfs {
		s.dir = t.TempDir()
	}
	s.spillDir = t.TempDir()
	defer s.end()
	datadriven.RunTest(t, path, s.run)
}

// scenario is the state of one scenario file. Positions are written segment:offset, both decimal.
type scenario struct {
	t             *testing.T
	backing       Backing
	dir, spillDir string
	arena         *Arena
	logs          map[string]*Log
	leases        map[string]Lease
	wakes         map[string]int
	claimed       []byte
	out           bytes.Buffer
}

func (s *scenario) end() {
	for _, l := range s.leases {
		l.Release()
	}
	if s.arena != nil {
		if err := s.arena.Close(); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *scenario) run(_ *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	var err error
	switch d.Cmd {
	case "arena":
		err = s.newArena(d)
	case "log":
		err = s.newLog(d)
	case "write":
		err = s.write(d)
	case "claim", "commit", "abandon":
		err = s.claim(d)
	case "append":
		err = s.append(d)
	case "trim":
		s.log(d).Trim(chainArg(s.t, d), frame.Tick(intArg(s.t, d, "tick", 0)))
	case "lease", "release":
		err = s.lease(d)
	case "read":
		err = s.read(d)
	case "replay":
		err = s.replay(d)
	case "step":
		n := 0
		for s.arena.Step() {
			n++
		}
		fmt.Fprintf(&s.out, "%d steps\n", n)
	case "stats":
		s.stats(d)
	case "close":
		err = s.log(d).Close()
	case "close-arena":
		err = s.arena.Close()
	case "crash", "recover", "torn", "zero", "checkpoint", "inspect", "discard":
		err = s.recovery(d)
	default:
		d.Fatalf(s.t, "unknown command %s", d.Cmd)
	}
	if err != nil {
		fmt.Fprintf(&s.out, "error: %s\n", s.withoutDir(err))
	}
	for _, name := range []string{"a", "b", "c"} {
		if n := s.wakes[name]; n > 0 {
			fmt.Fprintf(&s.out, "woken: %s\n", name)
			s.wakes[name] = 0
		}
	}
	if s.out.Len() == 0 {
		return "ok\n"
	}
	return s.out.String()
}

func (s *scenario) newArena(d *datadriven.TestData) error {
	cfg := ArenaConfig{
		SegmentBytes: testSegment,
		LimitBytes:   int64(intArg(s.t, d, "segments", 8)) * testSegment,
		Backing:      s.backing,
		Dir:          s.dir,
		OnError:      func(err error) { fmt.Fprintf(&s.out, "reported: %v\n", err) },
	}
	if d.HasArg("spill") {
		cfg.SpillDir = s.spillDir
	}
	a, err := NewArena(cfg)
	if err != nil {
		return err // the one before is still open
	}
	s.arena = a
	if d.HasArg("quota") {
		s.arena.SetQuota(1, int64(intArg(s.t, d, "quota", 0))*testSegment)
	}
	return nil
}

func (s *scenario) logConfig(d *datadriven.TestData) (string, LogConfig) {
	var name string
	d.ScanArgs(s.t, "name", &name)
	return name, LogConfig{
		Job: 1, Node: 7, Core: frame.CoreID(name[0] - 'a'),
		Incarnation: frame.Incarnation(intArg(s.t, d, "incarnation", 1)),
		Relay:       d.HasArg("relay"),
		Sums:        !d.HasArg("nosums"),
		Reserve:     intArg(s.t, d, "reserve", 0),
		Wake:        func() { s.wakes[name]++ },
	}
}

func (s *scenario) newLog(d *datadriven.TestData) error {
	name, cfg := s.logConfig(d)
	l, err := s.arena.NewLog(cfg)
	if err == nil {
		s.logs[name] = l
	}
	return err
}

func (s *scenario) log(d *datadriven.TestData) *Log {
	var name string
	d.ScanArgs(s.t, "name", &name)
	return s.logs[name]
}

// write writes n frames of one chain; the ticks count up if step is given.
func (s *scenario) write(d *datadriven.TestData) error {
	l, c := s.log(d), chainArg(s.t, d)
	tick, step := intArg(s.t, d, "tick", 1), intArg(s.t, d, "step", 0)
	for i := range intArg(s.t, d, "n", 1) {
		do := write
		if d.HasArg("stepping") {
			do = writeStepping
		}
		pos, err := do(l, c, frame.Tick(tick+i*step), intArg(s.t, d, "len", 1000))
		if err != nil {
			return err
		}
		fmt.Fprintf(&s.out, "%s\n", place(l, pos))
	}
	return nil
}

// claim, commit, abandon: the steps of a write, one by one.
func (s *scenario) claim(d *datadriven.TestData) error {
	l := s.log(d)
	switch d.Cmd {
	case "claim":
		b, pos, err := l.Claim(intArg(s.t, d, "len", 1000))
		if err != nil {
			return err
		}
		s.claimed = b
		if d.HasArg("fill") {
			fillPayload(b[frame.HeaderLen:], pos)
		}
		fmt.Fprintf(&s.out, "claimed %s, word %d\n", place(l, pos), lenOf(le64(b)))
	case "commit":
		c := chainArg(s.t, d)
		pos := l.Commit(frame.Header{Type: frame.Mark, Tick: frame.Tick(intArg(s.t, d, "tick", 1)), Edge: c.Edge, Node: c.Node})
		fmt.Fprintf(&s.out, "committed %s\n", place(l, pos))
	case "abandon":
		l.Abandon()
		fmt.Fprintf(&s.out, "word %d, type %v\n", lenOf(le64(s.claimed)), frame.Type(s.claimed[4]))
	}
	return nil
}

// append stores a frame as if it came from node 9, position 640.
func (s *scenario) append(d *datadriven.TestData) error {
	l, c := s.log(d), chainArg(s.t, d)
	b := make([]byte, intArg(s.t, d, "len", 1000))
	h := frame.Header{
		Len: int32(intArg(s.t, d, "says", len(b))), Type: frame.Mark, Tick: frame.Tick(intArg(s.t, d, "tick", 1)),
		Edge: c.Edge, Node: c.Node, Pos: 640, Incarnation: 3,
	}
	frame.PutHeader(b, &h)
	pos, err := l.Append(b)
	if err != nil {
		return err
	}
	lease, err := l.Acquire(pos)
	if err != nil {
		return err
	}
	defer lease.Release()
	fmt.Fprintf(&s.out, "%s verbatim: %v\n", place(l, pos), bytes.Equal(lease.Bytes(), b))
	return nil
}

func (s *scenario) lease(d *datadriven.TestData) error {
	var as string
	d.ScanArgs(s.t, "as", &as)
	if d.Cmd == "release" {
		s.leases[as].Release()
		delete(s.leases, as)
		return nil
	}
	l := s.log(d)
	pos := s.pos(d, "at")
	lease, err := l.Acquire(pos)
	if err != nil {
		return err
	}
	s.leases[as] = lease
	where := "in memory"
	if lease.seg == nil {
		where = "from disk"
	}
	_, err = checkFrame(pos, lease.Bytes())
	fmt.Fprintf(&s.out, "%d bytes %s\n", len(lease.Bytes()), where)
	return err
}

func (s *scenario) read(d *datadriven.TestData) error {
	l := s.log(d)
	r := l.Reader(s.pos(d, "from"))
	var errs []error
	for r.Poll(intArg(s.t, d, "most", 100), func(pos frame.Pos, b []byte) bool {
		h := frame.DecodeHeader(b)
		if !l.cfg.Relay {
			_, err := checkFrame(pos, b)
			errs = append(errs, err)
		}
		fmt.Fprintf(&s.out, "%s %v tick %d len %d prev %s\n", place(l, pos), h.Chain(), h.Tick, h.Len, place(l, h.Prev))
		return true
	}) > 0 {
	}
	fmt.Fprintf(&s.out, "at %s\n", place(l, r.Pos()))
	return errors.Join(append(errs, r.Err())...)
}

func (s *scenario) replay(d *datadriven.TestData) error {
	l := s.log(d)
	all, err := l.Replay(chainArg(s.t, d), frame.Tick(intArg(s.t, d, "after", 0)), nil)
	for _, pos := range all {
		fmt.Fprintf(&s.out, "%s\n", place(l, pos))
	}
	return err
}

func (s *scenario) stats(d *datadriven.TestData) {
	if d.HasArg("name") {
		l := s.log(d)
		st := l.Stats()
		fmt.Fprintf(&s.out, "committed %s trimmed %s, %d in memory, %d spilled, %d chains\n",
			place(l, st.Committed), place(l, st.Trimmed), st.Segments, st.Spilled, st.Chains)
		return
	}
	st := s.arena.Stats()
	fmt.Fprintf(&s.out, "%d segments of %d, %d free, %d logs, %d waiting, %d leases, spilled %d (%d bytes, file %d)\n", st.Segments,
		st.LimitSegments, st.FreeSegments, st.Logs, st.WaitingLogs, st.Leases, st.SpilledSegments, st.SpilledBytes, st.SpillFileBytes)
}

// withoutDir keeps the names of temporary directories out of the golden output.
func (s *scenario) withoutDir(err error) string {
	if s.dir == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), s.dir, "DIR")
}

func place(l *Log, pos frame.Pos) string {
	if pos == 0 {
		return "none"
	}
	n, offset := l.arena.layout.Split(pos)
	return fmt.Sprintf("%d:%d", n, offset)
}

func (s *scenario) pos(d *datadriven.TestData, key string) frame.Pos {
	var text string
	d.MaybeScanArgs(s.t, key, &text)
	if text == "" {
		return 0
	}
	var n, offset int
	if _, err := fmt.Sscanf(text, "%d:%d", &n, &offset); err != nil {
		d.Fatalf(s.t, "%s: %v", text, err)
	}
	return s.arena.layout.Join(SegmentNumber(n), offset)
}

func chainArg(t *testing.T, d *datadriven.TestData) frame.Chain {
	return frame.Chain{Edge: frame.EdgeID(intArg(t, d, "edge", 1)), Node: frame.NodeID(intArg(t, d, "node", 1))}
}

func intArg(t *testing.T, d *datadriven.TestData, key string, value int) int {
	d.MaybeScanArgs(t, key, &value)
	return value
}
