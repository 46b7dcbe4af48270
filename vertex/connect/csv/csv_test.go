package csv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	_ "github.com/streamscope/streamscope/vertex/connect/csv"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var schema = &batch.Schema{Fields: []batch.Field{
	{Name: "delay", Kind: batch.Int64}, {Name: "origin", Kind: batch.String, Nullable: true}, {Name: "ratio", Kind: batch.Float64, Nullable: true},
}}

// read reads text as bad.csv and returns its rows or the error, one a line.
func read(t *testing.T, content string, files connect.Files) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.csv", []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	files.Paths = []string{"bad.csv"}
	if files.Schema == nil {
		files.Schema, files.Time = schema, "date"
	}
	src, err := connect.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	return connecttest.Dump(src)
}

func TestSource(t *testing.T) {
	const head = "date,delay,origin,ratio\n"
	for name, c := range map[string]struct{ in, want string }{
		"plain":            {head + "2001-01-01,5,ATL,0.5\n", "2001-01-01T00:00:00Z 5 ATL 0.5"},
		"any order":        {"ratio,x,origin,delay,date\n1e3,?,ATL,-7,2001-01-01T01:02\n", "2001-01-01T01:02:00Z -7 ATL 1000"},
		"byte order mark":  {"\xef\xbb\xbf" + head + "2001-01-01,5,ATL,\n", "2001-01-01T00:00:00Z 5 ATL <nil>"},
		"CRLF":             {"date,delay,origin,ratio\r\n2001-01-01,5,ATL,1\r\n", "2001-01-01T00:00:00Z 5 ATL 1"},
		"quotes":           {"\"date\",\"delay\",origin,ratio\n\"2001-01-01\",\"5\",\"a \"\"b\"\", c\n\",\"2\"\n", "2001-01-01T00:00:00Z 5 a \"b\", c\n 2"},
		"no final newline": {head + "2001-01-01,5,ATL,1", "2001-01-01T00:00:00Z 5 ATL 1"},
		"NA is text":       {head + "2001-01-01,5,NA,1", "2001-01-01T00:00:00Z 5 NA 1"},
		"empty is null":    {head + "2001-01-01,5,,\n2001-01-01,5,\"\",\n", "2001-01-01T00:00:00Z 5 <nil> <nil>\n2001-01-01T00:00:00Z 5  <nil>"},
		"empty lines":      {head + "\n2001-01-01,5,ATL,1\n\r\n\n", "2001-01-01T00:00:00Z 5 ATL 1"},
		"header only":      {head, ""},
		"header, no end":   {"date,delay,origin,ratio", ""},
		"zero bytes":       {"", "bad.csv: empty file, want a header line"},
		"only a mark":      {"\xef\xbb\xbf", "bad.csv: empty file, want a header line"},
		"no such column":   {"date,delay,origin\n", `bad.csv:1: ratio: no such column, the header has "date", "delay", "origin"`},
		"column twice":     {"date,delay,origin,ratio,delay\n", `bad.csv:1: "delay": this column is there twice`},
		"others twice":     {"x,x,date,delay,origin,ratio\n,,2001-01-01,5,ATL,1\n", "2001-01-01T00:00:00Z 5 ATL 1"},
		"bad header":       {"date,\"delay\n", `bad.csv:1: got a quote that is never closed, want a closing quote`},
		"not an integer":   {head + "2001-01-01,5,ATL,1\n2001-01-01,x,ATL,1\n", "2001-01-01T00:00:00Z 5 ATL 1\n" + `bad.csv:3: delay: got "x", want integer`},
		"not a number":     {head + "2001-01-01,5,ATL,1.x\n", `bad.csv:2: ratio: got "1.x", want number`},
		"no date":          {head + "2001-02-30,5,ATL,1\n", `bad.csv:2: date: got "2001-02-30", want time`},
		"null":             {head + "2001-01-01,,ATL,1\n", `bad.csv:2: delay: got "", want integer`},
		"no time":          {head + ",5,ATL,1\n", `bad.csv:2: date: got "", want time`},
		"quoted nothing":   {head + "2001-01-01,\"\",ATL,1\n", `bad.csv:2: delay: got "", want integer`},
		"too large":        {head + "2001-01-01,9223372036854775808,ATL,1\n", `bad.csv:2: delay: got "9223372036854775808", want integer`},
		"too few cells":    {head + "2001-01-01,5\n", "bad.csv:2: got 2 cells, want 4"},
		"too many cells":   {head + "2001-01-01,5,ATL,1,\n", "bad.csv:2: got 5 cells, want 4"},
		"not UTF-8":        {head + "2001-01-01,5,\xff,1\n", `bad.csv:2: origin: got "\xff", want text in UTF-8`},
		"bare quote":       {head + "2001-01-01,5,a\"b,1\n", "bad.csv:2: got a quote inside a bare cell, want the cell in quotes and the quote doubled"},
		"line of a row":    {head + "2001-01-01,5,\"a\nb\",1\n2001-01-01,x,ATL,1\n", "2001-01-01T00:00:00Z 5 a\nb 1\n" + `bad.csv:4: delay: got "x", want integer`},
		"long garbage":     {head + "2001-01-01," + strings.Repeat("é", 100) + ",ATL,1\n", `bad.csv:2: delay: got "` + strings.Repeat("é", 30) + `"… (200 bytes), want integer`},
		"binary":           {"\x00\x01\x02\n\x03", `bad.csv:1: delay: no such column, the header has "\x00\x01\x02"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, c.in, connect.Files{}); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestOneColumn(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{{Name: "x", Kind: batch.String, Nullable: true}}}
	got := read(t, "x\na\n\n\"\"\nb", connect.Files{Schema: s})
	if want := "1970-01-01T00:00:00Z a\n1970-01-01T00:00:00Z <nil>\n1970-01-01T00:00:00Z \n1970-01-01T00:00:00Z b"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOtherKinds(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{
		{Name: "b", Kind: batch.Bool}, {Name: "x", Kind: batch.Bytes}, {Name: "t", Kind: batch.Timestamp, Nullable: true},
	}}
	got := read(t, "t;x;b\n2001-01-01;aGk=;TRUE\n;\"\";false\n;!;true\n", connect.Files{Schema: s, Comma: ';', BadRows: connect.Skip})
	if want := "1970-01-01T00:00:00Z true 6869 978307200000000\n1970-01-01T00:00:00Z false  <nil>\nskipped 1"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const mixed = "date,delay,origin,ratio\n2001-01-01,1,ATL,1\n2001-01-01,x,ATL,1\n2001-01-01,\"2\n3\",ATL,1\n2001-01-01,4,ATL,1\n2001-01-01\n"

func TestSkip(t *testing.T) {
	got := read(t, mixed, connect.Files{BadRows: connect.Skip})
	if want := "2001-01-01T00:00:00Z 1 ATL 1\n2001-01-01T00:00:00Z 4 ATL 1\nskipped 3"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDivert(t *testing.T) {
	got := read(t, mixed, connect.Files{BadRows: connect.Divert, DivertTo: "diverted", Token: "run"})
	if want := "2001-01-01T00:00:00Z 1 ATL 1\n2001-01-01T00:00:00Z 4 ATL 1\ndiverted 3"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Stat("diverted"); err == nil {
		t.Error("the divert file is there before it is committed")
	}
	if err := connect.CommitDivert("diverted", "run", 1); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("diverted")
	if err != nil {
		t.Fatal(err)
	}
	want := "# bad.csv:3: delay: got \"x\", want integer\n2001-01-01,x,ATL,1\n" +
		"# bad.csv:4: delay: got \"2\\n3\", want integer\n2001-01-01,\"2\n3\",ATL,1\n" +
		"# bad.csv:7: got 1 cells, want 4\n2001-01-01\n"
	if string(content) != want {
		t.Errorf("got\n%s\nwant\n%s", content, want)
	}
	if left, _ := filepath.Glob(".*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestSink(t *testing.T) {
	s := &batch.Schema{HasVe: true, Fields: []batch.Field{
		{Name: "s", Kind: batch.String, Nullable: true}, {Name: "f", Kind: batch.Float64}, {Name: "b", Kind: batch.Bool}, {Name: "x", Kind: batch.Bytes},
	}}
	b := batch.NewBuilder(s)
	add := func(vs int64, text any, f float64) {
		b.AppendTime(vs, vs+1_500_000, 1)
		if text == nil {
			b.Cols[0].AppendNull()
		} else {
			b.Cols[0].AppendString(text.(string))
			b.Cols[0].SetValid(true)
		}
		b.Cols[1].AppendFloat64(f)
		b.Cols[2].AppendBool(f > 0)
		b.Cols[3].AppendString("hi")
	}
	add(0, "plain text", 1)
	add(1_000_000, nil, -0.1)
	add(2_000_000, "", 1e300)
	add(3_000_000, "a,b", 1e-7)
	add(4_000_000, "a\"b", 123456789)
	add(5_000_000, "a\nb\r", 0.30000000000000004)
	t.Chdir(t.TempDir())
	sink := connect.FileSink{Path: "out.csv", Schema: s, Token: "k", Columns: []connect.Column{
		{Name: "from", From: connect.FromVs}, {Name: "to", From: connect.FromVe}, {Name: "the, text", From: "s"}, {Name: "f"}, {Name: "b"}, {Name: "x"},
	}}
	if err := connecttest.Write(sink.Open, b.View(), 2); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(connect.TempPath("out.csv", "k"))
	if err != nil {
		t.Fatal(err)
	}
	want := `from,to,"the, text",f,b,x
1970-01-01T00:00:00Z,1970-01-01T00:00:01.5Z,plain text,1,true,aGk=
1970-01-01T00:00:01Z,1970-01-01T00:00:02.5Z,,-0.1,false,aGk=
1970-01-01T00:00:02Z,1970-01-01T00:00:03.5Z,"",1e+300,true,aGk=
1970-01-01T00:00:03Z,1970-01-01T00:00:04.5Z,"a,b",1e-07,true,aGk=
1970-01-01T00:00:04Z,1970-01-01T00:00:05.5Z,"a""b",123456789,true,aGk=
1970-01-01T00:00:05Z,1970-01-01T00:00:06.5Z,"a` + "\nb\r" + `",0.30000000000000004,true,aGk=
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
