package connect_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

var resumeSchema = &batch.Schema{Fields: []batch.Field{{Name: "n", Kind: batch.Int64}, {Name: "s", Kind: batch.String, Nullable: true}}}

// resumeFile writes a text file of several blocks, with bad rows at random: alone, in a row, at the beginning, at the end, or none.
func resumeFile(rng *rand.Rand, format string) []byte {
	var b bytes.Buffer
	if rng.IntN(2) == 0 {
		b.WriteString("\xef\xbb\xbf")
	}
	end := []string{"\n", "\r\n"}[rng.IntN(2)]
	if format == "csv" {
		b.WriteString("s,n" + end)
	}
	rows, badOneIn := 1+rng.IntN(9_000), []int{0, 1, 2, 50, 5000}[rng.IntN(5)]
	long := strings.Repeat("x", rng.IntN(600))
	for i := range rows {
		n := fmt.Sprint(i)
		if badOneIn > 0 && rng.IntN(badOneIn) == 0 {
			n = "bad"
		}
		text := long[:rng.IntN(len(long)+1)]
		switch {
		case format == "jsonl" && i%7 == 0:
			fmt.Fprintf(&b, `{"n":%s}%s%s`, n, end, end)
		case format == "jsonl":
			fmt.Fprintf(&b, `{"n":%s,"s":"%s"}%s`, n, text, end)
		case i%11 == 0:
			fmt.Fprintf(&b, `"two%s""lines""",%s%s`, end, n, end)
		case i%997 == 0:
			fmt.Fprintf(&b, `a"quote,%s%s`, n, end)
		default:
			fmt.Fprintf(&b, `%s,%s%s`, text, n, end)
		}
	}
	content := b.Bytes()
	if rng.IntN(3) == 0 {
		content = bytes.TrimRight(content, "\r\n")
	}
	return content
}

// A text file read in several lives is as one read in one, whatever is wrong with its rows.
func TestTextInLives(t *testing.T) {
	dir := t.TempDir()
	for _, format := range []string{"csv", "jsonl"} {
		for _, policy := range []connect.Policy{connect.Fail, connect.Skip, connect.Divert} {
			for seed := range uint64(6) {
				rng := rand.New(rand.NewPCG(seed, 11))
				path := dir + "/in." + format
				if err := os.WriteFile(path, resumeFile(rng, format), 0o666); err != nil {
					t.Fatal(err)
				}
				files := connect.Files{Paths: []string{path}, Schema: resumeSchema, BadRows: policy, DivertTo: dir + "/bad", Token: "k"}
				if err := connecttest.Lives(rng, files); err != nil {
					t.Errorf("%s, %s, seed %d: %v", format, policy, seed, err)
				}
			}
		}
	}
}

// hostile is a position of any values.
func hostile(values ...uint64) vertex.SnapshotReader {
	var p connecttest.Position
	for _, v := range values {
		p.Uint64(v)
	}
	return p.Reader()
}

// What is wrong with a position is said with the split's name, by Open or by the first Read, and never read over.
func TestBadPositions(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("in.csv", []byte("n\n10\n20\n30\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	files := connect.Files{Paths: []string{"in.csv"}, Schema: &batch.Schema{Fields: resumeSchema.Fields[:1]}, BadRows: connect.Divert, DivertTo: "bad", Token: "k"}
	src, err := connect.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	for want, at := range map[string]vertex.SnapshotReader{
		"in.csv: its position cannot be read: cut off":                          hostile(1, 2, 3),
		"in.csv: its position is of version 2, want 1":                          hostile(2, 11, 0, 0, 0, 0, 0, 0, 0),
		"in.csv: has 11 bytes, but had 12 when it was read: inputs must":        hostile(1, 12, 0, 0, 0, 0, 0, 0, 0),
		"in.csv: its position is byte 12 of 11":                                 hostile(1, 11, 0, 12, 0, 0, 0, 0, 0),
		"in.csv: its position is line 7 at byte 5":                              hostile(1, 11, 0, 5, 7, 0, 0, 0, 0),
		"in.csv: its position is byte 4, but no line begins there":              hostile(1, 11, 0, 4, 1, 0, 0, 0, 0),
		"in.csv: its position is in part 3 of 1: the file has changed":          hostile(1, 11, 2, 0, 0, 0, 0, 0, 0),
		"in.csv: ends 2 rows before its position: inputs must not change":       hostile(1, 11, 0, 5, 3, 4, 0, 0, 0),
		"bad: its temporary file .bad.streamscope-k-0.tmp has 0 bytes, want at": hostile(1, 11, 0, 5, 3, 1, 0, 1, 9),
	} {
		if err := os.WriteFile(".bad.streamscope-k-0.tmp", nil, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := connecttest.Read(src, vertex.Split{Name: "in.csv"}, at, 10, func(*batch.Batch) {})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for name, want := range map[string]string{
		"-":         "-: standard input cannot be read again",
		"/dev/null": "/dev/null: not a regular file, so it cannot be read again",
		"none.csv":  "none.csv: no such file",
	} {
		files.Format = "csv"
		src, err := connect.NewSource(files)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.Open(vertex.Split{Name: name}, hostile(1, 0, 0, 0, 0, 0, 0, 0, 0), nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
