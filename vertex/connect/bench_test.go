package connect_test

import (
	"os"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// BenchmarkWrite and BenchmarkRead carry generated rows of four columns; MB/s are of the file.
func BenchmarkWrite(b *testing.B) {
	rows := generated(b, 200_000)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				path := writeFile(b, rows, format)
				if st, err := os.Stat(path); err == nil {
					b.SetBytes(st.Size())
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	rows := generated(b, 200_000)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		b.Run(format, func(b *testing.B) {
			path := writeFile(b, rows, format)
			src, err := connect.NewSource(connect.Files{Paths: []string{path}, Schema: rows.Schema, Time: "t"})
			if err != nil {
				b.Fatal(err)
			}
			splits, err := src.Splits()
			if err != nil {
				b.Fatal(err)
			}
			if st, err := os.Stat(path); err == nil {
				b.SetBytes(st.Size())
			}
			for b.Loop() {
				if _, err := connecttest.Read(src, splits[0], nil, 4096, func(*batch.Batch) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// writeFile writes rows as dir/in.FORMAT and commits it.
func writeFile(t testing.TB, rows *batch.Builder, format string) (path string) {
	t.Helper()
	path = t.TempDir() + "/in." + format
	sink := connect.FileSink{Path: path, Schema: rows.Schema, Token: "k"}
	if err := connecttest.Write(sink.Open, rows.View(), 4096); err != nil {
		t.Fatal(err)
	}
	if err := connect.Commit(connect.TempPath(path, "k"), path); err != nil {
		t.Fatal(err)
	}
	return path
}
