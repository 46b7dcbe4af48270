package plane

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
)

var loads = map[string]struct {
	fresh func() load
	shape shape
}{
	"plain": {newPlain, localShape(false)},
	"count": {newCounting, localShape(false)},
	"text":  {newTexts, textShape()},
}

func TestLoadsMeasure(t *testing.T) {
	for name, l := range loads {
		for _, ordered := range []bool{false, true} {
			l.shape.Ordered = ordered
			if s, err := measureLoad(l.shape, l.fresh)(context.Background(), brief); err != nil || s.Value <= 0 {
				t.Errorf("%s, ordered %v: got %+v, %v", name, ordered, s, err)
			}
		}
	}
}

func TestManyTasksAreComparedWithFew(t *testing.T) {
	s, err := measureMany(context.Background(), 4*brief)
	if err != nil || s.Ratios["of_64_tasks"] <= 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// faulty is a load one reader of which spoils what it is given once: two might cancel each other out.
type faulty struct {
	load
	spoil func(b *batch.Batch)
	done  atomic.Bool
}

func (f *faulty) reader(tasks shuffle.TaskRange) (func(frame.TaskID, *batch.Batch) error, error) {
	read, err := f.load.reader(tasks)
	return func(task frame.TaskID, b *batch.Batch) error {
		own := *b
		if !f.done.Swap(true) {
			f.spoil(&own)
		}
		return read(task, &own)
	}, err
}

func TestSpoiledRowsAreNoticed(t *testing.T) {
	for name, l := range loads {
		for what, spoil := range map[string]func(b *batch.Batch){
			"a row is lost": func(b *batch.Batch) { *b = b.Slice(1, b.N) },
			"a row is read twice": func(b *batch.Batch) {
				twice := batch.NewBuilder(b.Schema)
				twice.AppendBatch(b, 0, b.N)
				twice.AppendBatch(b, 0, 1)
				*b = *twice.View()
			},
			"a key is another": func(b *batch.Batch) {
				copied := batch.NewBuilder(b.Schema)
				copied.AppendBatch(b, 0, b.N)
				if c := &copied.Cols[0]; c.Kind.VarLen() {
					c.Data[3] ^= 1
				} else {
					c.I64[0] ^= 1
				}
				*b = *copied.View()
			},
		} {
			fresh := func() load { return &faulty{load: l.fresh(), spoil: spoil} }
			if _, err := measureLoad(l.shape, fresh)(context.Background(), time.Millisecond); err == nil {
				t.Errorf("%s: %s: not noticed", name, what)
			}
		}
	}
}

// failing is a load that can read nothing.
type failing struct{ load }

func (failing) reader(shuffle.TaskRange) (func(frame.TaskID, *batch.Batch) error, error) {
	return func(frame.TaskID, *batch.Batch) error { return errors.New("no state") }, nil
}

func TestAReaderThatFailsEndsTheRepetition(t *testing.T) {
	_, err := measureLoad(localShape(false), func() load { return failing{newPlain()} })(context.Background(), time.Hour)
	if err == nil || !strings.Contains(err.Error(), "no state") {
		t.Errorf("got %v, want the reader's error", err)
	}
}
