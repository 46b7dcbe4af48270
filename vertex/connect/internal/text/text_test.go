package text

import (
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/streamscope/streamscope/shuffle/batch"
	"pgregory.net/rapid"
)

func TestIntAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[+-]?[0-9]{0,21}`), rapid.Map(rapid.Int64(), func(v int64) string { return strconv.FormatInt(v, 10) }),
			rapid.StringMatching(`[-+0-9 _.x]{0,4}`)).Draw(t, "s")
		want, err := strconv.ParseInt(s, 10, 64)
		if got, ok := Int([]byte(s)); ok != (err == nil) || (ok && got != want) {
			t.Fatalf("%q: got %d, %v, want %d, %v", s, got, ok, want, err)
		}
	})
}

func TestFloats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		text := AppendFloat(nil, v)
		if back, ok := Float(text); !ok || back != v {
			t.Fatalf("%v: %s reads as %v, %v", v, text, back, ok)
		}
	})
	for in, want := range map[string]float64{"inf": math.Inf(1), "-inf": math.Inf(-1), ".5": 0.5, "1e3": 1000} {
		if got, ok := Float([]byte(in)); !ok || got != want {
			t.Errorf("%s: got %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "x", "0x1p3", "1_0", "1e999", "1 ", "--1"} {
		if got, ok := Float([]byte(in)); ok {
			t.Errorf("%q: got %v, want a refusal", in, got)
		}
	}
}

func TestBool(t *testing.T) {
	for in, want := range map[string]string{"true": "true true", "False": "false true", "TRUE": "true true", "t": "false false", "trux": "true false", "yes": "false false"} {
		v, ok := Bool([]byte(in))
		if got := strconv.FormatBool(v) + " " + strconv.FormatBool(ok); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestBase64(t *testing.T) {
	b := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: batch.Bytes}}})
	c := &b.Cols[0]
	if !AppendBase64(c, []byte("aGk=")) || !AppendBase64(c, nil) || AppendBase64(c, []byte("aGk")) {
		t.Error("accepted or refused the wrong ones")
	}
	if string(c.Data[c.Offs[0]:c.Offs[1]]) != "hi" || c.Offs[2] != c.Offs[1] {
		t.Errorf("got %q %v", c.Data, c.Offs)
	}
}

// Lines are the same however the input is cut, and errors of reading come behind the lines before them.
func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "bc", "\n", "\r\n", "\r", ""}), 0, 20).Draw(t, "in"), "")
		want := strings.Split(in, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			b := NewBuffer(r)
			b.B = make([]byte, 1)
			for _, w := range want {
				line, tooLong, err := b.Line()
				if err != nil || tooLong || string(line) != strings.TrimSuffix(w, "\r") {
					t.Fatalf("%q: got %q, %v, want %q", in, line, err, w)
				}
			}
			if _, _, err := b.Line(); err != io.EOF {
				t.Fatalf("%q: got %v behind the last line", in, err)
			}
		}
	})
	b := NewBuffer(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(io.ErrNoProgress)))
	for _, want := range []string{"a", "b"} {
		if line, _, err := b.Line(); err != nil || string(line) != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
	if _, _, err := b.Line(); err != io.ErrNoProgress {
		t.Fatalf("got %v", err)
	}
}

func TestStop(t *testing.T) {
	b := NewBuffer(strings.NewReader("a\n"))
	b.BeforeRead = func() bool { return false }
	if _, _, err := b.Line(); err != ErrStopped {
		t.Fatalf("got %v", err)
	}
}
