package files

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	_ "github.com/streamscope/streamscope/vertex/connect/csv"
)

// write writes the rows of seconds [from, to) and returns the position behind them.
func write(t *testing.T, s vertex.Sink, from, to int64) []byte {
	t.Helper()
	b := batch.NewBuilder(&batch.Schema{})
	for vs := from; vs < to; vs++ {
		b.AppendTime(vs*1_000_000, 0, 1)
	}
	if ok, err := s.Write(b.View()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	type answer struct {
		position []byte
		err      error
	}
	answers := make(chan answer, 1)
	s.Checkpoint(func(position []byte, err error) { answers <- answer{position, err} })
	a := <-answers
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.position
}

// A sink that another process of the run goes on with, and a commit that is tried twice.
func TestSinkOfTwoLives(t *testing.T) {
	t.Chdir(t.TempDir())
	sink, err := NewSink(connect.FileSink{Path: "out.csv", Columns: []connect.Column{{Name: "at", From: connect.FromVs}}, Token: "run"})
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan struct{}, 1)
	open := func(resume []byte) vertex.Sink {
		t.Helper()
		s, err := sink.Open(&batch.Schema{}, resume, func() { woken <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := open(nil)
	position := write(t, first, 0, 2)
	write(t, first, 5, 9) // of a tick that nobody will know of
	first.Leave()
	second := open(position)
	write(t, second, 2, 3)
	for {
		done, err := second.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
		<-woken
	}
	if err := sink.Commit(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("out.csv")
	if want := "at\n1970-01-01T00:00:00Z\n1970-01-01T00:00:01Z\n1970-01-01T00:00:02Z\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if err := sink.Commit(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second commit: got %v, want one that wraps %v", err, fs.ErrNotExist)
	}
	if err := sink.Abort(); err != nil {
		t.Error(err)
	}
}
