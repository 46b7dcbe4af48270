package connect_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// tapeLives reads standard input in several lives as a source task does: in ticks, with a journal, images and a base.
type tapeLives struct {
	rng     *rand.Rand
	content []byte
	files   connect.Files
	again   bool // a new process is given all of the input
	feeder  *connect.Feeder
	in      *os.File
	asked   chan connect.Extent
	told    []connect.Extent
	woken   chan struct{}

	r       vertex.TapeReader
	lives   int
	rows    *batch.Builder
	tick    int // cut last
	journal []note
	durable int // notes
	images  []tapeImage
	base    tapeImage
}

// note is a record: of a tick, or of input.
type note struct {
	tick, rows int // rows -1: input
	at         uint64
	b          []byte
	end        bool
}

type tapeImage struct {
	tick, rows int
	position   connecttest.Position // nil: the beginning
	counters   vertex.SourceCounters
}

// process begins a process that reads the input; the one before is gone.
func (l *tapeLives) process() error {
	if l.feeder != nil {
		l.end()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	l.in = r
	asked := make(chan connect.Extent, 1)
	l.asked = asked
	pieces := rand.New(rand.NewPCG(l.rng.Uint64(), 1))
	again := l.again
	if again {
		asked <- connect.Extent{}
	}
	go func() {
		defer w.Close()
		from, ok := <-asked // what follows is all that is asked for
		if !ok {
			return
		}
		for b := l.content[from.Bytes:]; len(b) > 0; {
			n, err := w.Write(b[:min(len(b), 1+pieces.IntN(70_000))])
			if b = b[n:]; err != nil {
				return
			}
		}
	}()
	f := connect.NewFeeder(connect.FeederConfig{In: int(r.Fd()), Again: again, Told: func(t connect.Extent) {
		l.told = append(l.told, t)
		if !again {
			asked <- t
		}
	}})
	l.feeder = f
	l.files.Stdin = func() (connect.Feed, error) {
		end, err := f.Attach()
		if err != nil {
			return nil, err
		}
		defer end.Close()
		return connect.OpenFeed(end)
	}
	return nil
}

// end is the end of the process that reads the input.
func (l *tapeLives) end() {
	l.feeder.Close()
	l.in.Close()
	close(l.asked)
}

// begin is a new life, at base.
func (l *tapeLives) begin() error {
	l.lives++
	src, err := connect.NewSource(l.files)
	if err != nil {
		return err
	}
	var at vertex.SnapshotReader
	if l.base.position != nil {
		at = l.base.position.Reader()
	}
	r, err := src.Open(vertex.Split{Name: connect.Stdin}, at, func() {
		select {
		case l.woken <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	l.r = r.(vertex.TapeReader)
	if got := l.r.Counters(); got != l.base.counters {
		return fmt.Errorf("begins with %+v, want %+v", got, l.base.counters)
	}
	l.rows.Truncate(l.base.rows)
	l.tick, l.images = l.base.tick, nil
	given := 0
	give := func(through int) error {
		for ; given < len(l.journal) && l.journal[given].tick <= through; given++ {
			if n := l.journal[given]; n.rows < 0 {
				if err := l.r.Give(n.at, n.b, n.end); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, n := range l.journal {
		if n.rows < 0 {
			continue
		}
		if err := give(n.tick); err != nil {
			return err
		}
		for left := n.rows; left > 0; {
			got, err := l.read(left)
			if err != nil {
				return fmt.Errorf("tick %d again: %w", n.tick, err)
			}
			left -= got
		}
		l.cut(n.tick)
	}
	if err := give(1 << 30); err != nil {
		return err
	}
	l.r.Resume()
	return nil
}

// cut ends a tick, perhaps with an image.
func (l *tapeLives) cut(tick int) {
	l.tick = tick
	if l.rng.IntN(4) == 0 {
		l.images = append(l.images, tapeImage{tick, l.rows.Len(), connecttest.PositionOf(l.r), l.r.Counters()})
	}
}

func (l *tapeLives) read(most int) (int, error) {
	b, err := l.r.Read(most)
	if at, taken, end := l.r.Taken(); len(taken) > 0 || end {
		l.journal = append(l.journal, note{l.tick + 1, -1, at, append([]byte(nil), taken...), end})
	}
	switch {
	case err != nil:
		return 0, err
	case b == nil:
		<-l.woken
		return 0, nil
	}
	l.rows.AppendBatch(b, 0, b.N)
	return b.N, nil
}

// write makes some of the journal durable, and trims it to a new base.
func (l *tapeLives) write() {
	kept := uint64(0)
	for ; l.durable < len(l.journal) && l.rng.IntN(5) > 0; l.durable++ {
		if n := l.journal[l.durable]; n.rows < 0 {
			kept = n.at + uint64(len(n.b))
		}
	}
	if kept > 0 {
		l.r.Kept(kept)
	}
	closed := 0
	for _, n := range l.journal[:l.durable] {
		if n.rows >= 0 {
			closed = n.tick
		}
	}
	for len(l.images) > 0 && l.images[0].tick <= closed && l.rng.IntN(3) == 0 {
		l.base, l.images = l.images[0], l.images[1:]
	}
	for l.durable > 0 && l.journal[0].tick <= l.base.tick {
		l.journal = l.journal[1:]
		l.durable--
	}
}

// crash loses what is not durable, but for what was so by chance.
func (l *tapeLives) crash(everything bool) error {
	if err := l.r.Close(); err != nil {
		return err
	}
	l.durable += l.rng.IntN(len(l.journal) - l.durable + 1)
	l.journal = l.journal[:l.durable]
	if everything {
		return l.process()
	}
	return nil
}

func (l *tapeLives) run(lives int) (counters vertex.SourceCounters, err error) {
	if err := l.process(); err != nil {
		return counters, err
	}
	if err := l.begin(); err != nil {
		return counters, err
	}
	for {
		if l.lives < lives && l.rng.IntN(6) == 0 {
			if err := l.crash(l.rng.IntN(2) == 0); err != nil {
				return counters, err
			}
			if err := l.begin(); err != nil {
				return counters, err
			}
		}
		rows, most := 0, readSizes[l.rng.IntN(len(readSizes))]
		for rows < most && l.rng.IntN(4) > 0 && err == nil {
			var n int
			n, err = l.read(most - rows)
			rows += n
		}
		l.journal = append(l.journal, note{tick: l.tick + 1, rows: rows})
		l.cut(l.tick + 1)
		l.write()
		if err != nil && (err != io.EOF || l.lives >= lives || l.rng.IntN(2) == 0) {
			counters = l.r.Counters()
			if cerr := l.r.Close(); cerr != nil {
				return counters, cerr
			}
			l.end()
			return counters, err
		}
		err = nil
	}
}

var readSizes = []int{1, 3, 100, 1000, 4096, 10_000}

// Standard input whose readers, and the process that has it, are lost at any time gives the same rows, counts and diverted rows as one that nothing happens to, as long as
// what was taken is kept.
func TestTapeInLives(t *testing.T) {
	dir := t.TempDir()
	lives, told := 0, 0
	for _, format := range []string{"csv", "jsonl"} {
		for _, policy := range []connect.Policy{connect.Fail, connect.Skip, connect.Divert} {
			for seed := range uint64(12) {
				rng := rand.New(rand.NewPCG(seed, 21))
				files := connect.Files{Paths: []string{"-"}, Format: format, Schema: resumeSchema, BadRows: policy, DivertTo: dir + "/bad", Token: "k"}
				content := resumeFile(rng, format)
				read := func(n int) (*tapeLives, string) {
					l := &tapeLives{rng: rng, content: content, files: files, again: seed%2 == 0, rows: batch.NewBuilder(resumeSchema), woken: make(chan struct{}, 1)}
					counters, err := l.run(n)
					text := fmt.Sprint(counters, err)
					if policy == connect.Divert {
						if err := connect.CommitDivert(files.DivertTo, files.Token, 1); err != nil {
							t.Fatalf("%s, %s, seed %d: %v", format, policy, seed, err)
						}
						b, err := os.ReadFile(files.DivertTo)
						text += fmt.Sprint(string(b), err)
					}
					return l, text
				}
				one, want := read(1)
				many, got := read(8)
				if got != want {
					t.Fatalf("%s, %s, seed %d: in %d lives %.300s, want %.300s", format, policy, seed, many.lives, got, want)
				}
				if a, b := many.rows, one.rows; a.Len() != b.Len() || b.Len() > 0 && !(reflect.DeepEqual(a.Vs, b.Vs) && reflect.DeepEqual(a.Cols, b.Cols)) {
					t.Fatalf("%s, %s, seed %d: in %d lives: %s", format, policy, seed, many.lives, connecttest.Diff(a.View(), b.View()))
				}
				lives += many.lives
				for _, e := range many.told {
					if e.Bytes > 0 {
						told++
					}
					if n := strings.Count(string(content[:e.Bytes]), "\n"); n != int(e.Lines) {
						t.Fatalf("%s, %s, seed %d: %d lines are told of %d bytes, want %d", format, policy, seed, e.Lines, e.Bytes, n)
					}
				}
			}
		}
	}
	t.Logf("%d lives; %d times another process went on within the input", lives, told)
	if told < 20 {
		t.Error("too little happened to mean anything")
	}
}
