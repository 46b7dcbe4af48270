package connect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers is an encoder of Vs alone.
type numbers struct{}

func (numbers) AppendHeader(dst []byte) []byte { return append(dst, "head\n"...) }

func (numbers) AppendRows(dst []byte, n int, cols []batch.Column) []byte {
	for i := range n {
		dst = fmt.Appendln(dst, cols[0].Int64s()[i])
	}
	return dst
}

var numbersColumns = []Column{{Name: "n", From: FromVs}}

// openNumbers returns a sink over out and the channel that its wakes arrive on.
func openNumbers(t *testing.T, out *Output) (vertex.Sink, chan struct{}) {
	t.Helper()
	cols, err := NewColumns(&batch.Schema{}, numbersColumns)
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan struct{}, 1)
	return NewTextSink(out, cols, numbers{}, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}), woken
}

func thousand() *batch.Batch { return &batch.Batch{N: 1000, Vs: make([]int64, 1000)} }

// drive writes n batches and finishes, waiting for wakes; it returns how often the sink was busy.
func drive(sink vertex.Sink, woken chan struct{}, n int) (busy int, err error) {
	for n > 0 {
		ok, err := sink.Write(thousand())
		switch {
		case err != nil:
			return busy, err
		case ok:
			n--
		default:
			busy++
			<-woken
		}
	}
	for {
		done, err := sink.Finish()
		if done || err != nil {
			return busy, err
		}
		<-woken
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestOutputIsReplacedByCommitOnly(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "out.csv")
	if err := os.WriteFile(final, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := CreateOutput(final, "k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateOutput(final, "k"); err == nil || !strings.Contains(err.Error(), "is being written by another task or process") {
		t.Fatalf("a second output under the same name: %v", err)
	}
	sink, woken := openNumbers(t, out)
	if _, err := drive(sink, woken, 300); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != ".out.csv.streamscope-k.tmp out.csv" {
		t.Fatalf("before the commit: %s", got)
	}
	if old, _ := os.ReadFile(final); string(old) != "old" {
		t.Fatalf("before the commit: %s", old)
	}
	if err := Commit(TempPath(final, "k"), final); err != nil {
		t.Fatal(err)
	}
	sink.Abort() // too late: the output is committed
	got, err := os.ReadFile(final)
	if want := "head\n" + strings.Repeat("0\n", 300_000); err != nil || string(got) != want {
		t.Fatalf("%v, %d bytes, want %d", err, len(got), len(want))
	}
	if got := files(t, dir); got != "out.csv" {
		t.Fatalf("after the commit: %s", got)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	for n := range 4 {
		dir := t.TempDir()
		out, err := CreateOutput(filepath.Join(dir, "out.csv"), "")
		if err != nil {
			t.Fatal(err)
		}
		sink, woken := openNumbers(t, out)
		if n == 3 {
			_, err = drive(sink, woken, 3)
		} else {
			for range n * 40 {
				if _, err = sink.Write(thousand()); err != nil {
					break
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		sink.Abort()
		sink.Abort()
		if got := files(t, dir); got != "" {
			t.Fatalf("left: %s", got)
		}
	}
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir + "/no/out.csv":   ": directory " + dir + "/no does not exist",
		dir + "/file/out.csv": ": not a directory",
		dir:                   ": is a directory, want the name of a file; with a slash at its end it gets parts",
		"/dev/null":           `: is not a regular file and cannot be replaced; "-" writes to standard output`,
	} {
		_, err := CreateOutput(path, "k")
		if err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), strings.TrimPrefix(want, ": ")) {
			t.Errorf("got %v, want %s%s", err, path, want)
		}
	}
	if err := Commit(dir+"/none", dir+"/out"); err == nil || !strings.Contains(err.Error(), "cannot be given its name: no such file") || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// /dev/full answers every write as a full disk does.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	sink, woken := openNumbers(t, &Output{Final: "out.csv", Temp: t.TempDir() + "/temp", f: full})
	_, err = drive(sink, woken, 1000)
	if err == nil || err.Error() != "out.csv: cannot write: no space left on device" || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if _, again := sink.Write(thousand()); again == nil {
		t.Error("a write after the error is accepted")
	}
	sink.Abort()
}

// pipe returns an output over a pipe, as standard output may be one, and its other end.
func pipe(t *testing.T) (*Output, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return &Output{Final: "standard output", f: w}, r
}

func TestPipe(t *testing.T) {
	out, r := pipe(t)
	defer r.Close()
	defer out.f.Close()
	sink, woken := openNumbers(t, out)
	var got bytes.Buffer
	read := make(chan error)
	want := "head\n" + strings.Repeat("0\n", 100_000)
	go func() {
		_, err := io.CopyN(&got, r, int64(len(want)))
		read <- err
	}()
	busy, err := drive(sink, woken, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil || got.String() != want {
		t.Fatalf("%v, got %d bytes, want %d", err, got.Len(), len(want))
	}
	if busy == 0 {
		t.Log("the reader kept pace") // a matter of scheduling; TestBusy forces it
	}
}

func TestBusy(t *testing.T) {
	out, r := pipe(t)
	defer r.Close()
	sink, woken := openNumbers(t, out)
	n := 0
	for {
		ok, err := sink.Write(thousand())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if n++; n > 10_000 {
			t.Fatal("the sink takes rows without bound while nobody reads")
		}
	}
	go io.Copy(io.Discard, r) // ends when both ends are closed
	<-woken
	sink.Abort()
}

func TestAbortWhileNobodyReads(t *testing.T) {
	out, r := pipe(t)
	defer r.Close()
	sink, _ := openNumbers(t, out)
	for ok := true; ok; {
		var err error
		if ok, err = sink.Write(thousand()); err != nil {
			t.Fatal(err)
		}
	}
	sink.Abort() // must return
}

func TestReaderOfPipeHasGone(t *testing.T) {
	out, r := pipe(t)
	r.Close()
	sink, woken := openNumbers(t, out)
	if _, err := drive(sink, woken, 100); !errors.Is(err, ErrPipeClosed) {
		t.Errorf("got %v, want %v", err, ErrPipeClosed)
	}
	sink.Abort()
}

func TestColumns(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{{Name: "a", Kind: batch.Int64}}}
	for _, c := range []struct {
		columns []Column
		want    string
	}{
		{[]Column{{Name: "b"}}, `output column "b" comes from "b", which is not in (vs, a int64)`},
		{[]Column{{Name: "a"}, {Name: "a", From: FromVs}}, `output column "a" has no name or is there twice`},
		{[]Column{{From: "a"}}, `output column "" has no name or is there twice`},
		{[]Column{}, "an output needs at least one column"},
	} {
		if _, err := NewColumns(s, c.columns); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	m, err := NewColumns(s, []Column{{Name: "to", From: FromVe}, {Name: "d", From: FromDiff}, {Name: "x", From: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	b := batch.NewBuilder(s)
	b.AppendTime(5, 0, 0)
	b.Cols[0].AppendInt64(7)
	v := m.View(b.View())
	if v[0].Int64s()[0] != 6 || v[1].Int64s()[0] != 1 || v[2].Int64s()[0] != 7 || m.Fields[2].Name != "x" {
		t.Errorf("got %v of %v", v, m.Fields)
	}
}
