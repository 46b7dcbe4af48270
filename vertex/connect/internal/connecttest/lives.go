package connecttest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Lives reads the only split of files once from beginning to end, and once in several lives: at random moments the reader's position is noted, or
// the reader ends, what it diverted is torn, and another one goes on at the position noted last. It tells the first difference in
// rows, counters, error and diverted rows. files has a token; it diverts to a file in a directory of its own.
func Lives(rng *rand.Rand, files connect.Files) error {
	src, err := connect.NewSource(files)
	if err != nil {
		return err
	}
	splits, err := src.Splits()
	if err != nil {
		return err
	}
	one := batch.NewBuilder(files.Schema)
	counters, oneErr := Read(src, splits[0], nil, 10_000, func(b *batch.Batch) { one.AppendBatch(b, 0, b.N) })
	diverted, err := takeDiverted(&files)
	if err != nil {
		return err
	}
	l := &lives{rng: rng, files: &files, src: src, split: splits[0], rows: batch.NewBuilder(files.Schema), woken: make(chan struct{}, 1)}
	livesErr := l.run()
	if fmt.Sprint(livesErr) != fmt.Sprint(oneErr) {
		return fmt.Errorf("in %d lives: got error %v, want %v", l.n, livesErr, oneErr)
	}
	if l.counters != counters {
		return fmt.Errorf("in %d lives: got %+v, want %+v", l.n, l.counters, counters)
	}
	if n := one.Len(); l.rows.Len() != n || n > 0 && !(reflect.DeepEqual(l.rows.Vs, one.Vs) && reflect.DeepEqual(l.rows.Cols, one.Cols)) {
		return fmt.Errorf("in %d lives: %s", l.n, Diff(l.rows.View(), one.View()))
	}
	again, err := takeDiverted(&files)
	if err == nil && again != diverted {
		return fmt.Errorf("in %d lives: diverted %q, want %q", l.n, again, diverted)
	}
	return err
}

func takeDiverted(files *connect.Files) (string, error) {
	if files.BadRows != connect.Divert {
		return "", nil
	}
	if err := connect.CommitDivert(files.DivertTo, files.Token, 1); err != nil {
		return "", err
	}
	text, err := os.ReadFile(files.DivertTo)
	return string(text), errors.Join(err, os.Remove(files.DivertTo))
}

type lives struct {
	rng      *rand.Rand
	files    *connect.Files
	src      *connect.Source
	split    vertex.Split
	rows     *batch.Builder
	counters vertex.SourceCounters
	woken    chan struct{}
	n        int
	r        vertex.SplitReader

	noted   Position
	rowsAt  int // rows before noted
	leftOut vertex.SourceCounters
}

const livesMax = 6

var readSizes = []int{1, 3, 100, 1000, 4096, 10_000}

func (l *lives) run() error {
	if err := l.begin(nil); err != nil {
		return err
	}
	l.note()
	for {
		switch {
		case l.rng.IntN(4) == 0:
			l.note()
		case l.rng.IntN(8) == 0 && l.n < livesMax:
			if err := l.endAndBegin(); err != nil {
				return err
			}
		}
		b, err := l.r.Read(readSizes[l.rng.IntN(len(readSizes))])
		switch {
		case err == io.EOF && l.rng.IntN(2) == 0: // behind the end, too, positions hold
		case err == io.EOF:
			l.counters = l.r.Counters()
			return l.r.Close()
		case err != nil:
			l.counters = l.r.Counters()
			return errors.Join(err, l.r.Close())
		case b == nil:
			<-l.woken
		default:
			l.rows.AppendBatch(b, 0, b.N)
		}
	}
}

func (l *lives) begin(at vertex.SnapshotReader) (err error) {
	l.n++
	l.r, err = l.src.Open(l.split, at, func() { wake(l.woken) })
	return err
}

func (l *lives) note() {
	l.noted, l.rowsAt, l.leftOut = PositionOf(l.r), l.rows.Len(), l.r.Counters()
}

func (l *lives) endAndBegin() error {
	if err := l.r.Close(); err != nil {
		return err
	}
	l.rows.Truncate(l.rowsAt)
	if l.files.BadRows == connect.Divert {
		part := connect.TempPath(l.files.DivertTo, l.files.Token+"-0")
		f, err := os.OpenFile(part, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		if _, err := f.WriteString("# torn"); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := l.begin(l.noted.Reader()); err != nil {
		return err
	}
	if got := l.r.Counters(); got != l.leftOut {
		return fmt.Errorf("life %d begins with %+v, but its position was noted at %+v", l.n, got, l.leftOut)
	}
	return nil
}
