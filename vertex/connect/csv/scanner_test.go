package csv

import (
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/streamscope/streamscope/vertex/connect/internal/text"
	"pgregory.net/rapid"
)

type cut struct {
	line  int
	cells []string
}

// cutAll cuts all rows up to the first malformed one.
func cutAll(r io.Reader, bufBytes int) (rows []cut, bad string) {
	s := newScanner(r, ',')
	s.B = make([]byte, bufBytes)
	var scratch []byte
	for {
		raw, bad, err := s.row()
		if err != nil || bad != "" {
			return rows, bad
		}
		if len(raw) == 0 {
			continue
		}
		c := cut{line: s.line}
		for _, cell := range s.cells {
			c.cells = append(c.cells, string(s.value(cell, &scratch)))
		}
		rows = append(rows, c)
	}
}

// oracle is encoding/csv.
func oracle(in string) (rows []cut, bad bool) {
	r := stdcsv.NewReader(strings.NewReader(in))
	r.FieldsPerRecord = -1
	for {
		cells, err := r.Read()
		if err != nil {
			return rows, err != io.EOF
		}
		line, _ := r.FieldPos(0)
		rows = append(rows, cut{line, cells})
	}
}

func show(rows []cut) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%d: %q; ", r.line, r.cells)
	}
	return b.String()
}

func checkAgainstOracle(t interface{ Fatalf(string, ...any) }, in string) {
	want, wantBad := oracle(in)
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
		got, bad := cutAll(r, 1)
		// encoding/csv turns CRLF inside quotes into LF; we keep what is there.
		g := strings.ReplaceAll(show(got), `\r\n`, `\n`)
		if w := show(want); g != w || wantBad != (bad != "") {
			t.Fatalf("%s: %q:\ngot  %s, bad %q\nwant %s, bad %v", name, in, g, bad, w, wantBad)
		}
	}
}

func TestScannerAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
			`"`, `""`, ",", "\n", "\r\n", "\r", "a", "bc", "é", " ", `"x"`, `"x,""y"""`, "\"p\nq\"", "1", "",
		}), 0, 30).Draw(t, "pieces")
		checkAgainstOracle(t, strings.Join(pieces, ""))
	})
}

func FuzzScanner(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\r\n\"x\"\"y\"\r\n", "\"open", "a\"b", "\"a\"b", "\n\n,\n", "\"a\"\r", "a\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) { checkAgainstOracle(t, in) })
}

// After a malformed row the scan goes on with the next line, and every line is accounted for once.
func TestScannerGoesOn(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a\n\"open\nb\n", `1 "a" | 2 "\"open" a quote that is never closed | 3 "b"`},
		{"x\"y\nb\n", `1 "x\"y" a quote inside a bare cell | 2 "b"`},
		{"\"x\"y\r\nb", `1 "\"x\"y" text behind a closing quote | 2 "b"`},
		{"\"x\ny\"z\nb", `1 "\"x" text behind a closing quote | 2 "y\"z" a quote inside a bare cell | 3 "b"`},
		{"\"x\ny\",1\nb\n", `1 "\"x\ny\",1" | 3 "b"`},
		{"\"", `1 "\"" a quote that is never closed`},
	} {
		s := newScanner(iotest.OneByteReader(strings.NewReader(c.in)), ',')
		var got []string
		for {
			raw, bad, err := s.row()
			if err != nil {
				break
			}
			got = append(got, strings.TrimSpace(fmt.Sprintf("%d %q %s", s.line, raw, bad)))
		}
		if g := strings.Join(got, " | "); g != c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.in, g, c.want)
		}
	}
}

func TestRowTooLong(t *testing.T) {
	long := strings.Repeat("x", text.RowMaxBytes+5)
	for _, in := range []string{"a\n" + long + "\nb\n", "a\n\"" + long + "\nb\n"} {
		s := newScanner(strings.NewReader(in), ',')
		var got []string
		for {
			raw, bad, err := s.row()
			if err != nil {
				break
			}
			got = append(got, fmt.Sprint(s.line, " ", string(raw[:1]), " ", bad))
		}
		if len(got) != 3 || got[0] != "1 a " || !strings.HasSuffix(got[1], badLong) || got[2] != "3 b " {
			t.Errorf("got %q", got)
		}
	}
}

func TestCellsBeyondTheHeaderAreCountedOnly(t *testing.T) {
	s := newScanner(strings.NewReader(strings.Repeat(",", 9)+"\n"), ',')
	s.keep = 2
	if _, bad, err := s.row(); bad != "" || err != nil || s.n != 10 || len(s.cells) != 2 {
		t.Fatalf("%d cells, %d kept, %q, %v", s.n, len(s.cells), bad, err)
	}
}
