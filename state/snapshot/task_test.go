package snapshot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
)

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// task is one with two states, as a join with an aggregate would have.
type task struct {
	tab   *state.Table
	rows  *state.Multimap
	extra []byte
}

var taskShape = []state.RowShape{{HasVe: true, Cells: 1, Vars: 1}}

func newTask(t fataler) *task {
	t.Helper()
	tab, err := state.NewTable(state.NewHeapPages(0), 1)
	if err != nil {
		t.Fatalf("%v", err)
	}
	rows, err := state.NewMultimap(state.NewHeapPages(0), taskShape...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &task{tab: tab, rows: rows}
}

// execute is a tick: some keys change, some rows come and some expire.
func (k *task) execute(t fataler, tick frame.Tick, n int) {
	t.Helper()
	for i := range n {
		key := fmt.Append(nil, "key ", (int(tick)*7+i)%(3*n+1))
		h := xxhash.Sum64(key)
		c, _, err := k.tab.Put(h, key)
		if err != nil {
			t.Fatalf("%v", err)
		}
		c[0] += uint64(tick)
		chains, err := k.rows.Put(h, key)
		if err != nil {
			t.Fatalf("%v", err)
		}
		vs := int64(tick) * 10
		if _, _, err := k.rows.Add(chains, h, 0, vs, vs+25, []uint64{uint64(i)}, [][]byte{key}); err != nil {
			t.Fatalf("%v", err)
		}
	}
	k.rows.Expire(0, int64(tick)*10)
	k.extra = fmt.Append(nil, "tick ", tick)
}

func (k *task) image(t fataler) *Image {
	t.Helper()
	tab, err := k.tab.Freeze()
	if err != nil {
		t.Fatalf("%v", err)
	}
	rows, err := k.rows.Freeze()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &Image{Extra: k.extra, Parts: []state.Part{{ID: 1, Frozen: tab}, {ID: 7, Frozen: rows}}}
}

// snap writes a snapshot of the task as it is.
func (k *task) snap(t fataler, c *Chain, tick frame.Tick) (Entry, error) {
	t.Helper()
	im := k.image(t)
	defer im.Release()
	return c.Write(tick, im)
}

type tape struct{ buf []byte }

func (t *tape) Uint64(v uint64) { t.buf = binary.LittleEndian.AppendUint64(t.buf, v) }
func (t *tape) Bytes(b []byte)  { t.Uint64(uint64(len(b))); t.buf = append(t.buf, b...) }

// value is the task's state by value.
func (k *task) value() []byte {
	var w tape
	w.Bytes(k.extra)
	k.tab.Snapshot(&w)
	k.rows.Snapshot(&w)
	return w.buf
}

// load is a task out of a snapshot.
func load1(s Store, t fataler, tick frame.Tick) (*task, error) {
	t.Helper()
	l, err := Load(s, 9, 3, tick)
	if err != nil {
		return nil, err
	}
	k := newTask(t)
	k.extra = l.Extra
	for _, p := range l.Parts {
		switch p.ID {
		case 1:
			err = k.tab.ThawPages(p.Head, p.Read)
		case 7:
			err = k.rows.ThawPages(p.Head, p.Read)
		default:
			t.Fatalf("part %d", p.ID)
		}
		if err != nil {
			break
		}
	}
	if closeErr := l.Close(); closeErr != nil {
		t.Fatalf("%v", closeErr)
	}
	return k, err
}

func wantLoads(t fataler, s Store, tick frame.Tick, want []byte) *task {
	t.Helper()
	k, err := load1(s, t, tick)
	if err != nil {
		t.Fatalf("load of tick %d: %v", tick, err)
	}
	if !bytes.Equal(k.value(), want) {
		t.Fatalf("the snapshot of tick %d is another state", tick)
	}
	return k
}

func openTask(t fataler, s Store, fullEvery int) *Chain {
	t.Helper()
	c, err := OpenChain(Config{Store: s, Job: 9, Task: 3, FullEvery: fullEvery})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

func openStore(t *testing.T, dir string) *Dir {
	t.Helper()
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
