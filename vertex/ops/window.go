package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Folder is a vertex that can take rows of a tick before the tick is closed, in any order, apart from its state (PROTOCOL F17). What is folded
// counts only when Merge adds it to the state, right before Execute and Close of that tick.
type Folder interface {
	vertex.Vertex
	// Fold adds rows of an open tick to its accumulator.
	Fold(tick frame.Tick, port int, rows *batch.Batch) error
	// Merge adds the accumulator of a tick to the state.
	Merge(tick frame.Tick) error
	// Discard throws away the accumulator of a tick: its rows will be sent again.
	Discard(tick frame.Tick)
}

// Window is the windowed aggregate. Rows of a window are emitted at the first Close with CTI >= its end, windows by end, groups by key bytes.
//
// Invariant: open windows are those with rows that end after ended.cti.
type Window struct {
	ended
	grid
	out   *batch.Schema
	keys  []int
	accs  []accumulator
	cells int
	pages state.Pages
	open  windowSet
	ticks []tickFold // by tick
	keyer keyer
	runs  runs     // scratch
	ints  *intKeys // nil before the first use
	emit  emission
}

var (
	_ Folder         = (*Window)(nil)
	_ vertex.Horizon = (*Window)(nil)
)

// Reach implements vertex.Horizon: rows before the oldest open window are in no open window.
func (w *Window) Reach(cti frame.CTI) int64 { return int64(w.outCTI(cti)) }

// tickFold is the accumulator of a tick that is open.
type tickFold struct {
	tick frame.Tick
	set  windowSet
}

// emission is the cursor of a Close whose outbox was full.
type emission struct {
	sorted bool
	groups []state.Entry // of the oldest window, by key bytes
	next   int
}

// NewWindow returns a window aggregate in its initial state.
func NewWindow(cfg WindowConfig, pages state.Pages) (*Window, error) {
	out, err := cfg.Output()
	if err != nil {
		return nil, err
	}
	w := &Window{ended: notEnded(), grid: grid{cfg.SizeUs, cfg.hop()}, out: out, keys: cfg.Keys, pages: pages, keyer: makeKeyer(cfg.Input, cfg.Keys)}
	w.accs, w.cells = makeAccumulators(cfg.Input, cfg.Aggregates)
	return w, nil
}

// Execute implements vertex.Vertex; it takes all rows.
func (w *Window) Execute(_ int, rows *batch.Batch, _ *vertex.Outbox) (int, error) {
	if err := w.check("window", rows); err != nil {
		return 0, err
	}
	return rows.N, w.fold(&w.open, rows)
}

// fold adds rows to the windows of a set.
func (w *Window) fold(set *windowSet, rows *batch.Batch) error {
	for i := 0; i < rows.N; {
		next, err := w.lookup(set, rows, i)
		if err != nil {
			return err
		}
		for a := range w.accs {
			w.accs[a].fold(w.runs, rows)
		}
		i = next
	}
	w.runs.truncate(0)
	return nil
}

// lookup finds the groups of the rows from i on, run by run, and returns the row it got to. If groups moved meanwhile it looks again: then none
// is new.
func (w *Window) lookup(set *windowSet, rows *batch.Batch, i int) (next int, err error) {
	for {
		moves := set.moves
		if next, err = w.lookupOnce(set, rows, i); err != nil || set.moves == moves {
			return next, err
		}
	}
}

func (w *Window) lookupOnce(set *windowSet, rows *batch.Batch, i int) (int, error) {
	w.runs.truncate(0)
	var first, last int64
	inPane := i // rows up to here are known to lie in windows first to last
	for i < rows.N && w.runs.len() < runsAhead {
		if i == inPane {
			vs := rows.Vs[i]
			if vs < -timeMax || vs > timeMax {
				return i, fmt.Errorf("window: row %d has Vs %d, beyond ±%d µs", i, vs, int64(timeMax))
			}
			var from, to int64
			from, to, first, last = w.pane(vs)
			inPane = within(rows.Vs[:min(rows.N, i+paneAhead)], i+1, from, to)
		}
		if first > last {
			i = inPane
			continue
		}
		if first == last && intKeyed(rows, w.keys) {
			var err error
			if i, err = w.lookupInts(set, first, rows, i, inPane); err != nil {
				return i, err
			}
			continue
		}
		end := sameKeys(rows, w.keys, i, inPane)
		hash, key := w.keyer.at(rows, i)
		for k := first; k <= last; k++ {
			group, err := set.group(k, w, hash, key)
			if err != nil {
				return i, err
			}
			w.runs.add(group, i, end)
		}
		i = end
	}
	return i, nil
}

// paneAhead bounds how many rows are looked at before the first of them is folded.
const paneAhead = 1024

// within returns how far the times from i on lie in [from, to).
func within(vs []int64, i int, from, to int64) int {
	for i < len(vs) && vs[i] >= from && vs[i] < to {
		i++
	}
	return i
}

// Close implements vertex.Vertex: it emits the windows that have ended.
func (w *Window) Close(cti frame.CTI, out *vertex.Outbox) (frame.CTI, bool, error) {
	for len(w.open.list) > 0 && frame.CTI(w.end(w.open.list[0].k)) <= cti {
		done, err := w.emitOldest(out)
		if err != nil || !done {
			return 0, false, err
		}
	}
	w.cti = max(w.cti, cti)
	return w.outCTI(cti), true, nil
}

func (w *Window) emitOldest(out *vertex.Outbox) (bool, error) {
	win, e := w.open.list[0], &w.emit
	if !e.sorted {
		e.groups, e.next, e.sorted = win.groups.AppendByKey(e.groups[:0]), 0, true
	}
	for e.next < len(e.groups) {
		room := min(out.Room(), roomAhead, len(e.groups)-e.next)
		if room == 0 {
			return false, nil
		}
		for range room {
			if err := w.emitGroup(win, e.groups[e.next], out.Rows); err != nil {
				return false, err
			}
			e.next++
		}
	}
	e.sorted = false
	w.open.dropOldest()
	return true, nil
}

func (w *Window) emitGroup(win *window, g state.Entry, dst *batch.Builder) error {
	dst.AppendTime(w.start(win.k), w.end(win.k), 1)
	n := len(w.keys)
	if err := partition.AppendKeyValues(dst.Cols[:n], win.groups.Key(g)); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	cells := win.groups.Cells(g)
	for i := range w.accs {
		if err := w.accs[i].emit(cells, &dst.Cols[n+i]); err != nil {
			return fmt.Errorf("window from %s: %w", stamp(w.start(win.k)), err)
		}
	}
	return nil
}
