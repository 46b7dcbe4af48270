package options

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Run is what a user asks of one run of a job, checked.
type Run struct {
	Inputs   []string // files, globs or "-"; none: the embedded input
	Airports string   // "": the embedded table
	Out      string   // "": standard output

	Workers int
	// ListenHost is "" for the loopback address, WorkerLauncher where workers are started as they are.
	ListenHost     string
	WorkerLauncher string
	Tasks          int
	Tick           Tick

	SegmentBytes Size
	FrameBytes   Size
	CreditBytes  Size
	Links        runtime.LinkMode
	ArenaBytes   Size
	// ArenaGiven tells a demand from a default, which gives way to what the machine has.
	ArenaGiven bool
	// SpillDir is "" where nothing may be spilled.
	SpillDir string

	Lateness time.Duration
	Rate     float64 // events/s of all sources together; 0: unpaced
	BadRow   BadRow

	// DataDir is "" without recovery.
	DataDir          string
	SnapshotStore    string // "": in DataDir
	ImagePeers       int    // 0: images lie in SnapshotStore
	SnapshotInterval time.Duration
	ManagerPatience  time.Duration
	ReportInterval   time.Duration
	Reliability      plan.Reliability
	Objective        Objective
	JournalPeers     int // 0: journals lie in DataDir
	AcceptGap        bool
	InputAgain       bool // standard input is what was taken before, and more

	Stats     string // "": none
	Events    string // "": none
	LogFormat string // "text" or "json"
	Pprof     string // "": off
}

// Machine is what defaults depend on.
type Machine struct {
	Cores   int
	TempDir string
}

// Limits of the counts: what a plan can address, and what one machine can start.
const (
	tasksMax   = 65535
	workersMax = 128
)

// Parse reads and checks all flags and returns every complaint it has, in the order of the flags.
func Parse(raw Raw, m Machine) (Run, []error) {
	p := parser{}
	workers := value(&p, "--workers", raw.Workers, 0, func(s string) (int, error) { return parseCount(s, 0, workersMax) })
	run := Run{
		Inputs:     raw.Input,
		InputAgain: raw.InputAgain,
		Airports:   text(raw.Airports, ""),
		Out:        text(raw.Out, ""),
		Workers:    workers,
		Tasks:      value(&p, "--tasks", raw.Tasks, tasksDefault(m.Cores, workers), func(s string) (int, error) { return parseCount(s, 1, tasksMax) }),
		SpillDir:   text(raw.Spill, m.TempDir),

		Links:      value(&p, "--links", raw.Links, runtime.LinksTCP, runtime.ParseLinkMode),
		ArenaGiven: raw.Arena != nil,
		Lateness:   value(&p, "--lateness", raw.Lateness, 0, parseLateness),
		Rate:       value(&p, "--rate", raw.Rate, 0, ParseRate),
		Stats:      text(raw.Stats, ""),
		Events:     text(raw.Events, ""),
		LogFormat:  text(raw.LogFormat, "text"),
		Pprof:      text(raw.Pprof, ""),
		BadRow:     value(&p, "--on-bad-row", raw.OnBadRow, BadRow{}, ParseBadRow),
	}
	tick := Tick{Bytes: DefaultTick}
	if raw.Rate != nil {
		tick = Tick{Length: 5 * time.Millisecond}
	}
	run.Tick = value(&p, "--tick", raw.Tick, tick, ParseTick)
	p.hosts(raw, &run)
	p.recovery(raw, &run)
	p.sizes(raw, &run)
	p.texts(raw, &run)
	p.files(&run)
	return run, p.complaints
}

// tasksDefault is two tasks for every core, and for every worker, who all have as many: the one with most is the one that others wait for.
func tasksDefault(cores, workers int) int {
	each := max(1, workers)
	return (2*max(1, cores, workers) + each - 1) / each * each
}

type parser struct{ complaints []error }

func (p *parser) complain(format string, args ...any) {
	p.complaints = append(p.complaints, fmt.Errorf(format, args...))
}

func text(given *string, otherwise string) string {
	if given == nil {
		return otherwise
	}
	return *given
}

func value[T any](p *parser, flag string, given *string, otherwise T, parse func(string) (T, error)) T {
	if given == nil {
		return otherwise
	}
	v, err := parse(*given)
	if err != nil {
		p.complain("%s: %w", flag, err)
		return otherwise
	}
	return v
}

func (p *parser) sizes(raw Raw, run *Run) {
	before := len(p.complaints)
	var s sizes
	s.segment = value(p, "--segment-bytes", raw.Segment, 0, ParseSize)
	s.frame = value(p, "--frame-bytes", raw.Frame, 0, ParseSize)
	s.credit = value(p, "--credit-bytes", raw.Credit, 0, ParseSize)
	s.arena = value(p, "--arena", raw.Arena, 0, ParseSize)
	if len(p.complaints) > before {
		return // relations between sizes that could not be read say nothing
	}
	s.given.segment, s.given.frame = raw.Segment != nil, raw.Frame != nil
	s.given.credit, s.given.arena = raw.Credit != nil, raw.Arena != nil
	s.clamp()
	p.complaints = append(p.complaints, s.conflicts()...)
	run.SegmentBytes, run.FrameBytes, run.CreditBytes, run.ArenaBytes = s.segment, s.frame, s.credit, s.arena
}

func (p *parser) texts(raw Raw, run *Run) {
	for _, in := range raw.Input {
		if in == "" {
			p.complain("--input: got \"\", want a file, a pattern, or - for standard input")
		}
	}
	notEmpty := func(flag string, given *string) {
		if given != nil && *given == "" {
			p.complain("%s: got \"\", want a name", flag)
		}
	}
	notEmpty("--airports", raw.Airports)
	notEmpty("--stats", raw.Stats)
	notEmpty("--spill-dir", raw.Spill)
	notEmpty("--events", raw.Events)
	if run.SpillDir == "none" {
		run.SpillDir = ""
	}
	if raw.Out != nil {
		if err := checkOut(*raw.Out); err != nil {
			p.complain("--out: %w", err)
		}
		if run.Out == "-" {
			run.Out = ""
		}
	}
	if run.LogFormat != "text" && run.LogFormat != "json" {
		p.complain("--log-format: got %q, want text or json", run.LogFormat)
	}
	if raw.Pprof != nil {
		if err := checkAddr(*raw.Pprof); err != nil {
			p.complain("--pprof: %w", err)
		}
	}
}

func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 {
		return fmt.Errorf("got %q, want an address such as localhost:6060", addr)
	}
	return nil
}

// files finds flags that name one file for two purposes, and standard input named twice.
func (p *parser) files(run *Run) {
	type named struct{ flag, path string }
	written := []named{{"--out", run.Out}, {"--stats", run.Stats}, {"--events", run.Events}, {"--on-bad-row divert", run.BadRow.File}}
	for i, a := range written {
		for _, b := range written[i+1:] {
			if a.path != "" && b.path != "" && filepath.Clean(a.path) == filepath.Clean(b.path) {
				p.complain("%s and %s name one file, %s: give each its own", a.flag, b.flag, a.path)
			}
		}
	}
	read := []named{{"--airports", run.Airports}}
	stdin := 0
	for _, in := range run.Inputs {
		read = append(read, named{"--input", in})
		if in == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		p.complain("--input: standard input (-) is named %d times, want once", stdin)
	}
	if run.InputAgain && (stdin == 0 || run.DataDir == "") {
		p.complain("--input-again: it is about --input - with a --data-dir; files are read again by themselves")
	}
	for _, w := range written {
		for _, r := range read {
			if w.path != "" && r.path != "" && filepath.Clean(w.path) == filepath.Clean(r.path) {
				p.complain("%s would overwrite what %s reads, %s: give it another name", w.flag, r.flag, w.path)
			}
		}
	}
}
