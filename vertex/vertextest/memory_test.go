package vertextest

import (
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

func numbered(n int) *batch.Batch {
	b := batch.NewBuilder(&batch.Schema{})
	for i := range n {
		b.AppendTime(int64(i), 0, 1)
	}
	return b.View()
}

// An output survives its sinks: what was written behind the position is gone, and a sink that was left behind can do no harm.
func TestMemoryOutput(t *testing.T) {
	rows := numbered(10)
	o := NewMemoryOutput(rows.Schema)
	var later []func()
	o.Later = func(answer func()) { later = append(later, answer) }
	dead, err := o.Open(nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	write := func(s vertex.Sink, from, to int) {
		t.Helper()
		part := rows.Slice(from, to)
		if ok, err := s.Write(&part); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	var position []byte
	var answers []string
	note := func(p []byte, err error) {
		if err == nil {
			position = p
		}
		answers = append(answers, fmt.Sprint(p, err))
	}
	write(dead, 0, 4)
	dead.Checkpoint(note)
	later[0]()
	write(dead, 4, 9)
	dead.Checkpoint(note)
	s, err := o.Open(position, func() {})
	if err != nil {
		t.Fatal(err)
	}
	later[1]() // comes too late
	if _, err := dead.Write(rows); err != errFenced {
		t.Errorf("a dead sink writes: %v", err)
	}
	if _, err := dead.Finish(); err != errFenced {
		t.Errorf("a dead sink finishes: %v", err)
	}
	dead.Abort()
	write(s, 4, 10)
	if done, err := s.Finish(); !done || err != nil || !o.Finished || o.Aborted {
		t.Errorf("%v, %v, %+v", done, err, o)
	}
	for i, vs := range o.Rows.View().Vs {
		if vs != int64(i) || o.Rows.Len() != 10 {
			t.Fatalf("row %d of %d is %d", i, o.Rows.Len(), vs)
		}
	}
	if want := fmt.Sprint([]string{"[4 0 0 0 0 0 0 0] <nil>", "[] " + errFenced.Error()}); fmt.Sprint(answers) != want {
		t.Errorf("got %v, want %v", answers, want)
	}
	for want, p := range map[string][]byte{
		"memory: got a position of 1 bytes, want 8":                    {1},
		"memory: the position is behind row 11, but the output has 10": {11, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, err := o.Open(p, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestMemorySource(t *testing.T) {
	src := &MemorySource{Rows: []*batch.Batch{numbered(3)}}
	split := vertex.Split{Name: "split-0"}
	w := &vertex.ImageWriter{}
	r, err := src.Open(split, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(2); err != nil {
		t.Fatal(err)
	}
	r.Position(w)
	if r, err = src.Open(split, &reader{b: w.Image()}, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := r.Read(9); err != nil || b.N != 1 || b.Vs[0] != 2 {
		t.Errorf("got %v, %v, want the last row", b, err)
	}
	behind := &vertex.ImageWriter{}
	behind.Uint64(4)
	for want, at := range map[string]*reader{
		"split-0: its position is behind row 4, but it has 3":                 {b: behind.Image()},
		"split-0: its position: snapshot: 1 bytes where an integer should be": {b: []byte{1}},
	} {
		if _, err := src.Open(split, at, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
