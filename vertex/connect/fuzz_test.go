package connect_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// Whatever a position says, a reader tells what is wrong, or returns the last rows of the file.
func FuzzReaderPosition(f *testing.F) {
	f.Chdir(f.TempDir())
	if err := os.WriteFile("in.csv", []byte("n\n10\nx\n20\n30\n"), 0o666); err != nil {
		f.Fatal(err)
	}
	src, err := connect.NewSource(connect.Files{
		Paths: []string{"in.csv"}, Schema: &batch.Schema{Fields: resumeSchema.Fields[:1]}, BadRows: connect.Skip,
	})
	if err != nil {
		f.Fatal(err)
	}
	add := func(values ...uint64) {
		var p connecttest.Position
		for _, v := range values {
			p.Uint64(v)
		}
		f.Add([]byte(p))
	}
	add(1, 13, 0, 0, 0, 1, 0, 0, 0)
	add(1, 13, 0, 7, 4, 1, 1, 0, 0)
	add(1, 13, 1, 0, 0, 0, 1, 0, 0)
	add(1, 13, 1<<63, 1<<63, 0, 1<<63, 0, 0, 1)
	f.Fuzz(func(t *testing.T, position []byte) {
		var got []int64
		_, err := connecttest.Read(src, vertex.Split{Name: "in.csv"}, connecttest.Position(position).Reader(), 2, func(b *batch.Batch) {
			got = append(got, b.Cols[0].Int64s()...)
		})
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), "in.csv: "):
			t.Fatalf("the error does not name the file: %v", err)
		case len(got) > 3:
			t.Fatalf("%d rows from a file of 3", len(got))
		}
		for i, v := range got {
			if want := int64(10 * (4 - len(got) + i)); v != want {
				t.Fatalf("got %v: row %d is %d, want %d", got, i, v, want)
			}
		}
	})
}

// Whatever a position says, a sink tells what is wrong and leaves the file alone, or cuts it back.
func FuzzOutputPosition(f *testing.F) {
	f.Chdir(f.TempDir())
	s := &batch.Schema{Fields: resumeSchema.Fields[:1]}
	content := []byte("n\n1\n2\n")
	head := "csv of n int64"
	f.Add([]byte("\x01\x0e\x00\x00\x00" + head + "\x04\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x0e\x00\x00\x00" + head + "\x04\x00\x00\x00\x00\x00\x00\xff"))
	f.Add([]byte("\x01\xff\xff\xff\xff" + head))
	f.Fuzz(func(t *testing.T, position []byte) {
		sink := connect.FileSink{Path: "out.csv", Schema: s, Token: "k"}
		temp := connect.TempPath("out.csv", "k")
		if err := os.WriteFile(temp, content, 0o666); err != nil {
			t.Fatal(err)
		}
		if position == nil {
			position = []byte{}
		}
		opened, err := sink.Open(position, func() {})
		if err == nil {
			opened.Leave()
		}
		left, e := os.ReadFile(temp)
		if e != nil || !bytes.HasPrefix(content, left) || err != nil && len(left) < len(content) {
			t.Fatalf("%v, %v: left %q of %q", err, e, left, content)
		}
	})
}
