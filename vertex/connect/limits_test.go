package connect_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/generate"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
	"golang.org/x/sys/unix"
)

func generated(t testing.TB, rows uint64) *batch.Builder {
	t.Helper()
	src, err := generate.New(generate.Config{Splits: 1, Rows: rows, StepUs: 1_000_000, Schema: &batch.Schema{Fields: []batch.Field{
		{Name: "i", Kind: batch.Int64}, {Name: "f", Kind: batch.Float64, Nullable: true}, {Name: "s", Kind: batch.String}, {Name: "t", Kind: batch.Timestamp},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := connecttest.ReadAll(src, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// alone runs a test that limits its process in a process of its own, so that nothing else meets the limit: the testing package keeps a log, which
// may be longer. It returns false where the test is over.
func alone(t *testing.T) bool {
	t.Helper()
	const mark = "STREAMSCOPE_TEST_ALONE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// A limit on the size of files makes the last part of an output fail, in the middle or at its end, whatever the format.
func TestFileLimit(t *testing.T) {
	if !alone(t) {
		return
	}
	rows := generated(t, 20_000)
	signal.Ignore(unix.SIGXFSZ) // with the signal ignored the write returns EFBIG
	defer signal.Reset(unix.SIGXFSZ)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		sink := connect.FileSink{Path: dir + "/out." + format, Schema: rows.Schema, Token: "k"}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100_000, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		err := connecttest.Write(sink.Open, rows.View(), 1000)
		if e := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); e != nil {
			t.Fatal(e)
		}
		if want := sink.Path + ": cannot write: file too large"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// Reading allocates per batch at most, never per row.
func TestReadingDoesNotAllocatePerRow(t *testing.T) {
	const n = 200_000
	rows := generated(t, n)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		path := writeFile(t, rows, format)
		src, err := connect.NewSource(connect.Files{Paths: []string{path}, Schema: rows.Schema, Time: "t"})
		if err != nil {
			t.Fatal(err)
		}
		splits, err := src.Splits()
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(1, func() {
			got := 0
			if _, err := connecttest.Read(src, splits[0], nil, 4096, func(b *batch.Batch) { got += b.N }); err != nil || got != n {
				t.Fatal(got, err)
			}
		})
		if allocs > n/20 { // arrow-go allocates per value of a dictionary
			t.Errorf("%s: %v allocations for %d rows", format, allocs, n)
		}
	}
}

// What a file as a whole lacks is said with its name, whatever the format.
func TestFilesAsAWhole(t *testing.T) {
	t.Chdir(t.TempDir())
	s := &batch.Schema{Fields: []batch.Field{{Name: "delay", Kind: batch.Int64}}}
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		name := "in." + format
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		src, err := connect.NewSource(connect.Files{Paths: []string{name}, Schema: s})
		if err != nil {
			t.Fatal(err)
		}
		if got := connecttest.Dump(src); !strings.HasPrefix(got, name+": empty file, want ") {
			t.Errorf("got %s", got)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Splits(); fmt.Sprint(err) != name+": no such file" {
			t.Errorf("got %v", err)
		}
	}
}
