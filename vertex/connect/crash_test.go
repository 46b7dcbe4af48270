package connect_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
	"golang.org/x/sys/unix"
)

func TestSinksSurviveCrashes(t *testing.T) {
	rows := generated(t, 9000)
	dir := t.TempDir()
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		for seed := range uint64(8) {
			rng := rand.New(rand.NewPCG(seed, 12))
			some := rows.View().Slice(0, rng.IntN(rows.Len()+1))
			if err := connecttest.Crashes(rng, connect.FileSink{Path: dir + "/out." + format, Schema: rows.Schema}, &some); err != nil {
				t.Errorf("%s, seed %d: %v", format, seed, err)
			}
		}
	}
}

// A disk that is full makes checkpoints fail; from the last one that was durable the output goes on when there is room.
func TestFullDiskAndOn(t *testing.T) {
	if !alone(t) {
		return
	}
	rows := generated(t, 20_000)
	dir := t.TempDir()
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		sink := connect.FileSink{Path: dir + "/out." + format, Schema: rows.Schema, Token: "k"}
		position, at, err := untilFull(t, sink, rows.View())
		if want := sink.Path + ": cannot write: file too large"; err == nil || err.Error() != want {
			t.Fatalf("got %v, want %s", err, want)
		}
		if position == nil {
			t.Fatalf("%s: no checkpoint before the disk was full", format)
		}
		open := func(_ []byte, wake func()) (vertex.Sink, error) { return sink.Open(position, wake) }
		rest := rows.View().Slice(at, rows.Len())
		if err := connecttest.Write(open, &rest, 700); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(connect.TempPath(sink.Path, "k"))
		if err != nil {
			t.Fatal(err)
		}
		if err := connecttest.Write(sink.Open, rows.View(), 5000); err != nil { // in place of the former
			t.Fatal(err)
		}
		want, err := os.ReadFile(connect.TempPath(sink.Path, "k"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, got %d bytes, unlike the %d of one life", format, err, len(got), len(want))
		}
	}
}

// untilFull writes rows until the limit on files ends it, and returns the last position that was durable and the rows before it.
func untilFull(t *testing.T, file connect.FileSink, rows *batch.Batch) (position []byte, at int, err error) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 200_000, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	}()
	woken := make(chan struct{}, 1)
	sink, err := file.Open(nil, func() { woken <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Leave()
	type answer struct {
		position []byte
		err      error
	}
	answers := make(chan answer, 1)
	for to := 0; to < rows.N; {
		part := rows.Slice(to, min(rows.N, to+500))
		if ok, err := sink.Write(&part); !ok || err != nil {
			t.Fatal(ok, err) // after each checkpoint there is room
		}
		to += part.N
		sink.Checkpoint(func(position []byte, err error) { answers <- answer{position, err} })
		a := <-answers
		if a.err != nil {
			_, again := sink.Write(&part)
			if again == nil || again.Error() != a.err.Error() {
				t.Errorf("a write after %v: %v", a.err, again)
			}
			return position, at, a.err
		}
		position, at = a.position, to
	}
	for {
		if done, err := sink.Finish(); done || err != nil {
			return position, at, err
		}
		<-woken
	}
}

// What does not fit a position is told with both values, and the temporary file stays as it was.
func TestBadOutputPositions(t *testing.T) {
	t.Chdir(t.TempDir())
	rows := generated(t, 100)
	sink := connect.FileSink{Path: "out.csv", Schema: rows.Schema, Columns: []connect.Column{{Name: "i"}}, Token: "k"}
	woken := make(chan struct{}, 1)
	s, err := sink.Open(nil, func() { woken <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Write(rows.View()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	answered := make(chan []byte, 1)
	s.Checkpoint(func(position []byte, err error) {
		if err != nil {
			t.Error(err)
		}
		answered <- position
	})
	good := <-answered
	const temp = ".out.csv.streamscope-k.tmp"
	at := binary.LittleEndian.Uint64(good[len(good)-8:])
	with := func(at uint64) []byte { return binary.LittleEndian.AppendUint64(slices.Clone(good[:len(good)-8]), at) }
	other := sink
	other.Columns = []connect.Column{{Name: "f"}}
	lines := sink
	lines.Format = "jsonl"
	fails := func(f connect.FileSink, position []byte, want string) {
		t.Helper()
		before, _ := os.ReadFile(temp)
		_, err := f.Open(position, func() {})
		if err == nil || err.Error() != "out.csv: "+want {
			t.Errorf("got %v, want out.csv: %s", err, want)
		}
		if after, _ := os.ReadFile(temp); !bytes.Equal(before, after) {
			t.Errorf("%s: the temporary file has changed", want)
		}
	}
	fails(sink, good, "its temporary file "+temp+" is being written by another task or process; wait for it to end")
	s.Leave()
	fails(sink, []byte{}, "its position has 0 bytes, want at least 13")
	fails(sink, append([]byte{9}, good[1:]...), "its position is of version 9, want 1")
	fails(sink, good[:20], fmt.Sprintf("its position is cut off: 15 bytes, want at least %d", len(good)-5))
	fails(sink, with(at+1), fmt.Sprintf("its temporary file %s has %d bytes, want at least %d to go on", temp, at, at+1))
	fails(other, good, "its position is of an output of csv of i int64, want csv of f float64 or null")
	fails(lines, good, "its position is of an output of csv of i int64, want jsonl of i int64")
	if err := os.Remove(temp); err != nil {
		t.Fatal(err)
	}
	fails(sink, good, fmt.Sprintf("its temporary file %s is missing, want it with at least %d bytes to go on", temp, at))
}
