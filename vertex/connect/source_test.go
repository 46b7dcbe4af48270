package connect

import (
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
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// bytesFormat is a format for tests: every byte is a row, Vs its value; '!' is a bad row, '?' an error. Its lanes are pieces of ten bytes.
var bytesFormat = Format{Name: "bytes", Endings: []string{".bytes"}, Open: openBytes}

func init() { Register(&bytesFormat) }

type bytesDecoder struct {
	in      *Input
	content []byte
	chunk   int // rows per batch
}

const bytesPerLane = 10

func openBytes(in *Input, want *Wanted) (Decoder, error) {
	d := &bytesDecoder{in: in, chunk: 3}
	if in.Size < 0 {
		return d, nil // a pipe is read in its only lane
	}
	var err error
	d.content, err = io.ReadAll(in)
	return d, err
}

func (d *bytesDecoder) Lanes() int { return max(1, (len(d.content)+bytesPerLane-1)/bytesPerLane) }

func (d *bytesDecoder) Close() error { return nil }

// bytesMarks says whether the decoder marks its batches.
var bytesMarks bool

func (d *bytesDecoder) Decode(lane int, at Place, out *Lane) error {
	from, end := lane*bytesPerLane, min((lane+1)*bytesPerLane, len(d.content))
	from = max(from, int(at.Byte))
	content := d.content[min(from, end):end]
	if d.in.Size < 0 {
		var err error
		if content, err = io.ReadAll(d.in); err != nil {
			return d.in.IOError(err)
		}
	}
	take := func(i int) *batch.Builder {
		if bytesMarks {
			defer out.Mark(Place{Byte: uint64(from + i)})
		}
		return out.Take()
	}
	b := take(0)
	for i, c := range content {
		if b == nil {
			return nil
		}
		switch c {
		case '!':
			bad := &RowError{Place: fmt.Sprint(d.in.Name, ":", from+i), Got: "!", Want: "another"}
			if err := out.Reject(bad, content[i:i+1]); err != nil {
				out.Put(b)
				return err
			}
		case '?':
			out.Put(b)
			return fmt.Errorf("%s: broken at %d", d.in.Name, from+i)
		default:
			b.AppendTime(int64(c), 0, 1)
		}
		if b.Len() == d.chunk {
			out.Put(b)
			b = take(i + 1)
		}
	}
	if b != nil {
		out.Put(b)
	}
	return nil
}

var empty = &batch.Schema{}

func source(t interface{ Fatal(...any) }, f Files) *Source {
	f.Schema = empty
	src, err := NewSource(f)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// words is a position, written and read.
type words []uint64

func (w *words) Uint64(v uint64) { *w = append(*w, v) }
func (w *words) Bytes([]byte)    {}

type wordReader struct {
	words
	err error
}

func (r *wordReader) Uint64() uint64 {
	if len(r.words) == 0 {
		r.err = io.ErrUnexpectedEOF
		return 0
	}
	v := r.words[0]
	r.words = r.words[1:]
	return v
}

func (r *wordReader) Bytes() []byte { return nil }
func (r *wordReader) Err() error    { return r.err }

// life is a reader of a split and the channel that its wakes arrive on.
type life struct {
	vertex.SplitReader
	woken chan struct{}
}

func begin(src *Source, split vertex.Split, at vertex.SnapshotReader) (life, error) {
	woken := make(chan struct{}, 1)
	r, err := src.Open(split, at, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	return life{r, woken}, err
}

// next returns the next rows as text.
func (l life) next(maxRows int) (rows string, err error) {
	for {
		b, err := l.Read(maxRows)
		if err != nil {
			if _, again := l.Read(1); again != err {
				return "", fmt.Errorf("after %v came %v", err, again)
			}
			return "", err
		}
		if b == nil {
			<-l.woken
			continue
		}
		if b.N > maxRows || b.N == 0 {
			return "", fmt.Errorf("%d rows, want 1 to %d", b.N, maxRows)
		}
		for _, v := range b.Vs {
			rows += string(rune(v))
		}
		return rows, nil
	}
}

// readBytes reads a split with reads of maxRows and returns its rows as text.
func readBytes(src *Source, split vertex.Split, maxRows int) (all string, err error) {
	r, err := begin(src, split, nil)
	if err != nil {
		return "", err
	}
	for {
		rows, err := r.next(maxRows)
		all += rows
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return all, errors.Join(err, r.Close())
		}
	}
}

// Any content, read in any steps by any policy, in one life or in several that each begin where an earlier one said, equals what a loop over
// the bytes yields.
func TestReaderAgainstOracle(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.StringOfN(rapid.SampledFrom([]rune("aaaabcdefgh!?")), 0, 80, -1).Draw(t, "content")
		if rapid.Bool().Draw(t, "sound") {
			content = strings.NewReplacer("?", "y").Replace(content)
		}
		bytesMarks = rapid.Bool().Draw(t, "marks")
		policy := rapid.SampledFrom([]Policy{Fail, Skip, Divert}).Draw(t, "policy")
		path := dir + "/in.bytes"
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		var want, diverted, wantErr string
		bad := uint64(0)
		for i, c := range content {
			if c == '?' || (c == '!' && policy == Fail) {
				wantErr = fmt.Sprint(path, ": broken at ", i)
				if c == '!' {
					wantErr = fmt.Sprint(path, ":", i, ": got !, want another")
				}
				break
			}
			if c == '!' {
				bad++
				diverted += fmt.Sprintf("# %s:%d: got !, want another\n!\n", path, i)
				continue
			}
			want += string(c)
		}
		src := source(t, Files{Paths: []string{path}, BadRows: policy, DivertTo: dir + "/d", Token: "k"})
		got, n, err := readInLives(t, src, vertex.Split{Name: path}, dir)
		if got != want || fmt.Sprint(err) != fmt.Sprint(wantOr(wantErr)) {
			t.Fatalf("got %q, %v, want %q, %q", got, err, want, wantErr)
		}
		if policy == Skip && (n.Diverted != 0 || n.Skipped != bad) || policy == Divert && (n.Skipped != 0 || n.Diverted != bad) {
			t.Fatalf("got %+v, want %d", n, bad)
		}
		if policy == Divert {
			if err := CommitDivert(dir+"/d", "k", 1); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(dir + "/d"); string(got) != diverted {
				t.Fatalf("diverted %q, want %q", got, diverted)
			}
		}
	})
}

// readInLives reads a split to its end. Now and then it notes the reader's position, or ends the reader, leaves a torn divert file behind, and
// goes on at the position noted last.
func readInLives(t *rapid.T, src *Source, split vertex.Split, dir string) (rows string, n vertex.SourceCounters, err error) {
	r, err := begin(src, split, nil)
	if err != nil {
		return "", n, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var noted words
	var before string
	var counted vertex.SourceCounters
	r.Position(&noted)
	for lives := 0; ; {
		switch rapid.IntRange(0, 4).Draw(t, "act") {
		case 0:
			noted, before, counted = nil, rows, r.Counters()
			r.Position(&noted)
			continue
		case 1:
			if lives++; lives > 5 {
				continue
			}
			if err := r.Close(); err != nil {
				return "", n, err
			}
			if f, err := os.OpenFile(divertPart(dir+"/d", "k", 0), os.O_WRONLY|os.O_APPEND, 0); err == nil {
				fmt.Fprint(f, "torn")
				f.Close()
			}
			if r, err = begin(src, split, &wordReader{words: noted}); err != nil {
				return "", n, err
			}
			if got := r.Counters(); got != counted {
				t.Fatalf("the reader begins with %+v, but was left at %+v", got, counted)
			}
			rows = before
			continue
		}
		more, err := r.next(rapid.IntRange(1, 9).Draw(t, "maxRows"))
		rows += more
		if err == io.EOF && rapid.Bool().Draw(t, "on") {
			continue // behind the end, too, positions hold
		}
		if err == io.EOF {
			return rows, r.Counters(), nil
		}
		if err != nil {
			return rows, r.Counters(), err
		}
	}
}

func wantOr(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// A reader may be closed at any moment.
func TestCloseEarly(t *testing.T) {
	path := t.TempDir() + "/in.bytes"
	if err := os.WriteFile(path, []byte(strings.Repeat("abcdefghij", 50)), 0o666); err != nil {
		t.Fatal(err)
	}
	src := source(t, Files{Paths: []string{path}})
	for reads := range 60 {
		woken := make(chan struct{}, 1)
		r, err := src.Open(vertex.Split{Name: path}, nil, func() { woken <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < reads; {
			b, err := r.Read(5)
			if err != nil {
				t.Fatal(err)
			}
			if n++; b == nil {
				<-woken
			}
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSplits(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, n := range []string{"b2.bytes", "b10.bytes", "b1.bytes", "a.bytes", "[x].bytes"} {
		if err := os.WriteFile(n, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("dir.bytes", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ paths, want string }{
		{"b*.bytes a.bytes", "0 b1.bytes 1 b10.bytes 2 b2.bytes 3 a.bytes"},
		{"b2.bytes b?.bytes", "0 b2.bytes 1 b1.bytes 2 b2.bytes"},
		{"[x].bytes", "0 [x].bytes"},
		{"c.bytes", "c.bytes: no such file"},
		{"c*.bytes", "c*.bytes: no such file"},
		{"[.bytes", "[.bytes: syntax error in pattern"},
		{"dir.bytes", "dir.bytes: is a directory, want a file"},
		{"a.bytes/x.bytes", "a.bytes/x.bytes: not a directory"},
	} {
		splits, err := source(t, Files{Paths: strings.Split(c.paths, " ")}).Splits()
		got := fmt.Sprint(err)
		if err == nil {
			got = ""
			for _, s := range splits {
				got += fmt.Sprint(" ", s.ID, " ", s.Name)
			}
		}
		if strings.TrimSpace(got) != c.want {
			t.Errorf("%s: got %s, want %s", c.paths, got, c.want)
		}
	}
}

// A file that goes away between Splits and Open is told by Read.
func TestFileVanishes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.bytes")
	_, err := readBytes(source(t, Files{Paths: []string{path}}), vertex.Split{Name: path}, 1)
	if err == nil || err.Error() != path+": no such file" {
		t.Errorf("got %v", err)
	}
}

func TestValidate(t *testing.T) {
	_, err := NewSource(Files{
		Paths: []string{"a.bytes", "b", "c.xyz"}, BadRows: Divert, Comma: '"', Time: "a",
		Schema: &batch.Schema{HasVe: true},
	})
	for _, want := range []string{
		"files have neither lifetimes nor diffs", "bad rows are to be diverted, but", `comma '"' cannot separate`,
		"b: the name has no ending", `c.xyz: ending ".xyz" is of no format, want one of bytes`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a complaint about %q", err, want)
		}
	}
	_, err = NewSource(Files{Format: "none", BadRows: "maybe"})
	for _, want := range []string{"no input file is named", "no schema is given", `bad rows: "maybe" is unknown, want fail, skip or divert`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a complaint about %q", err, want)
		}
	}
	s := &batch.Schema{Fields: []batch.Field{{Name: "a", Kind: batch.Int64}}}
	if _, err = NewSource(Files{Paths: []string{"a.bytes"}, Schema: s, Time: "a"}); err == nil || !strings.Contains(err.Error(), `column "a" is to be the time, but is wanted as int64`) {
		t.Errorf("got %v", err)
	}
	if _, err = NewSource(Files{Paths: []string{"-"}, Schema: s}); err == nil {
		t.Error("standard input needs a format")
	}
}

// A named pipe is read as it is written; a reader that waits for it can be closed.
func TestNamedPipe(t *testing.T) {
	path := t.TempDir() + "/pipe.bytes"
	if err := unix.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	src := source(t, Files{Paths: []string{path}})
	if _, err := src.Splits(); err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(vertex.Split{Name: path}, nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.Read(1); b != nil || err != nil {
		t.Fatalf("got %v, %v, want nothing yet", b, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	go func() {
		if w, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			w.WriteString("abc")
			w.Close()
		}
	}()
	got, err := readBytes(src, vertex.Split{Name: path}, 10)
	if err != nil || got != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDivertPlace(t *testing.T) {
	dir := t.TempDir()
	src := source(t, Files{Paths: []string{"in.bytes"}, BadRows: Divert, DivertTo: dir + "/no/d", Token: "k"})
	if _, err := src.Open(vertex.Split{Name: "in.bytes"}, nil, func() {}); err == nil || !strings.Contains(err.Error(), "directory "+dir+"/no does not exist") {
		t.Errorf("got %v", err)
	}
	parts := func(n uint32) {
		for i := range n {
			if err := os.WriteFile(divertPart(dir+"/d", "k", i), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	parts(2)
	if err := CommitDivert(dir+"/d", "k", 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part is missing: got %v", err)
	}
	parts(3)
	if err := CommitDivert(dir+"/d", "k", 3); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(dir + "/d"); err != nil || len(got) > 0 {
		t.Errorf("nothing diverted: got %q, %v, want an empty file", got, err)
	}
	if err := CommitDivert(dir+"/d", "k", 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("again: got %v", err)
	}
	if err := os.WriteFile(divertPart(dir+"/d", "k", 2), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	AbortDivert(dir+"/d", "k", 3)
	if got := files(t, dir); got != "d" {
		t.Errorf("left: %s", got)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":                             `""`,
		"a\n\x00é":                     `"a\n\x00é"`,
		strings.Repeat("x", 60):        `"` + strings.Repeat("x", 60) + `"`,
		strings.Repeat("x", 61):        `"` + strings.Repeat("x", 60) + `"… (61 bytes)`,
		strings.Repeat("x", 59) + "éé": `"` + strings.Repeat("x", 59) + `"… (63 bytes)`,
	} {
		if got := Quote([]byte(in)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
