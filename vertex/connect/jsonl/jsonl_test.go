package jsonl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
	_ "github.com/streamscope/streamscope/vertex/connect/jsonl"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var schema = &batch.Schema{Fields: []batch.Field{
	{Name: "delay", Kind: batch.Int64}, {Name: "origin", Kind: batch.String, Nullable: true},
	{Name: "ratio", Kind: batch.Float64, Nullable: true}, {Name: "ok", Kind: batch.Bool, Nullable: true}, {Name: "x", Kind: batch.Bytes, Nullable: true},
}}

// read reads text as bad.jsonl and returns its rows and the error, one a line.
func read(t *testing.T, content string, files connect.Files) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.jsonl", []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	files.Paths, files.Schema, files.Time = []string{"bad.jsonl"}, schema, "date"
	src, err := connect.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	return connecttest.Dump(src)
}

func TestSource(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"all kinds": {`{"date":"2001-01-01","delay":-5,"origin":"ATL","ratio":1.5e2,"ok":true,"x":"aGk="}`,
			"2001-01-01T00:00:00Z -5 ATL 150 true 6869"},
		"any order, others ignored": {`{"y":{"a":[1,"]",{}],"b":null},"delay":5,"z":[],"date":"2001-01-01T01:00+01:00","w":-0.5e-1}`,
			"2001-01-01T00:00:00Z 5 <nil> <nil> <nil> <nil>"},
		"spaces": {" \t{ \"date\" : \"2001-01-01\" , \"delay\" : 5 } \r\n\n  \n", "2001-01-01T00:00:00Z 5 <nil> <nil> <nil> <nil>"},
		"orders of names differ": {"{\"date\":\"2001-01-01\",\"delay\":1}\n{\"delay\":2,\"date\":\"2001-01-01\"}\n{\"d\":0,\"delay\":3,\"date\":\"2001-01-01\"}",
			"2001-01-01T00:00:00Z 1 <nil> <nil> <nil> <nil>\n2001-01-01T00:00:00Z 2 <nil> <nil> <nil> <nil>\n2001-01-01T00:00:00Z 3 <nil> <nil> <nil> <nil>"},
		"escapes":           {`{"d\u0061te":"2001-01-01","delay":5,"origin":"a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00"}`, "2001-01-01T00:00:00Z 5 a\"\\/\b\f\n\r\téé😀 <nil> <nil> <nil>"},
		"words for numbers": {`{"date":"2001-01-01","delay":5,"ratio":"-inf"}`, "2001-01-01T00:00:00Z 5 <nil> -Inf <nil> <nil>"},
		"byte order mark":   {"\xef\xbb\xbf" + `{"date":"2001-01-01","delay":5}`, "2001-01-01T00:00:00Z 5 <nil> <nil> <nil> <nil>"},
		"NA is text":        {`{"date":"2001-01-01","delay":5,"origin":"NA"}`, "2001-01-01T00:00:00Z 5 NA <nil> <nil> <nil>"},
		"nulls":             {`{"date":"2001-01-01","delay":5,"origin":null,"ratio":null,"ok":null,"x":null}`, "2001-01-01T00:00:00Z 5 <nil> <nil> <nil> <nil>"},
		"zero bytes":        {"", "bad.jsonl: empty file, want a JSON object on each line"},
		"null":              {`{"date":"2001-01-01","delay":null}`, "bad.jsonl:1: delay: got null, want integer"},
		"missing":           {`{"date":"2001-01-01"}`, "bad.jsonl:1: delay: got nothing, want integer"},
		"no time":           {`{"delay":1}`, "bad.jsonl:1: date: got nothing, want time"},
		"null time":         {`{"delay":1,"date":null}`, "bad.jsonl:1: date: got null, want time"},
		"not an integer":    {"\n{\"date\":\"2001-01-01\",\"delay\":\"x\"}", `bad.jsonl:2: delay: got "x", want integer`},
		"a fraction":        {`{"date":"2001-01-01","delay":1.5}`, `bad.jsonl:1: delay: got 1.5, want integer`},
		"too large":         {`{"date":"2001-01-01","delay":99999999999999999999}`, `bad.jsonl:1: delay: got 99999999999999999999, want integer`},
		"leading zero":      {`{"date":"2001-01-01","delay":01}`, `bad.jsonl:1: got "01}", want a JSON value`},
		"no number":         {`{"date":"2001-01-01","delay":1,"ratio":"x"}`, `bad.jsonl:1: ratio: got "x", want number`},
		"beyond float64":    {`{"date":"2001-01-01","delay":1,"ratio":1e999}`, `bad.jsonl:1: ratio: got 1e999, want number`},
		"no boolean":        {`{"date":"2001-01-01","delay":1,"ok":1}`, `bad.jsonl:1: ok: got 1, want true or false`},
		"no text":           {`{"date":"2001-01-01","delay":1,"origin":[1]}`, `bad.jsonl:1: origin: got "[1]", want text`},
		"no base64":         {`{"date":"2001-01-01","delay":1,"x":"?"}`, `bad.jsonl:1: x: got "?", want bytes`},
		"no date":           {`{"date":"2001-02-30","delay":1}`, `bad.jsonl:1: date: got "2001-02-30", want time`},
		"a number as time":  {`{"date":978307200,"delay":1}`, `bad.jsonl:1: date: got 978307200, want time`},
		"half a pair":       {`{"date":"2001-01-01","delay":1,"origin":"\ud83d"}`, `bad.jsonl:1: origin: got "\ud83d", want text in UTF-8`},
		"not UTF-8":         {"{\"date\":\"2001-01-01\",\"delay\":1,\"origin\":\"\xff\"}", "bad.jsonl:1: origin: got \"\xff\", want text in UTF-8"},
		"twice":             {`{"date":"2001-01-01","delay":1,"delay":2}`, "bad.jsonl:1: delay: got the name twice, want it once"},
		"others twice":      {`{"date":"2001-01-01","delay":1,"a":1,"a":2}`, "2001-01-01T00:00:00Z 1 <nil> <nil> <nil> <nil>"},
		"an array":          {`[1]`, `bad.jsonl:1: got "[1]", want a JSON object`},
		"cut off":           {`{"date":"2001-01-01","delay":1`, `bad.jsonl:1: got the line's end, want "," or "}"`},
		"text behind":       {`{"date":"2001-01-01","delay":1} x`, `bad.jsonl:1: got "x", want the line's end`},
		"trailing comma":    {`{"date":"2001-01-01","delay":1,}`, `bad.jsonl:1: got "}", want a name in quotes`},
		"no colon":          {`{"date" "2001-01-01"}`, `bad.jsonl:1: got "\"2001-01-01\"}", want ":"`},
		"bad value":         {`{"date":"2001-01-01","q":tru}`, `bad.jsonl:1: got "tru}", want a JSON value`},
		"deep":              {`{"q":` + strings.Repeat("[", 100_000), `bad.jsonl:1: got "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["… (99935 bytes), want a JSON value`},
		"too long":          {`{"q":"` + strings.Repeat("x", text.RowMaxBytes), `bad.jsonl:1: got a row of more than 4 MiB, want a shorter row`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, c.in, connect.Files{}); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestSkipAndDivert(t *testing.T) {
	const in = "{\"date\":\"2001-01-01\",\"delay\":1}\nnonsense\n{\"date\":\"2001-01-01\",\"origin\":\"x\",\"ok\":true}\n{\"date\":\"2001-01-01\",\"delay\":4,\"origin\":\"y\"}\n"
	const rows = "2001-01-01T00:00:00Z 1 <nil> <nil> <nil> <nil>\n2001-01-01T00:00:00Z 4 y <nil> <nil> <nil>\n"
	if got := read(t, in, connect.Files{BadRows: connect.Skip}); got != rows+"skipped 2" {
		t.Errorf("got\n%s", got)
	}
	if got := read(t, in, connect.Files{BadRows: connect.Divert, DivertTo: "d", Token: "k"}); got != rows+"diverted 2" {
		t.Errorf("got\n%s", got)
	}
	if err := connect.CommitDivert("d", "k", 1); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("d")
	want := "# bad.jsonl:2: got \"nonsense\", want a JSON object\nnonsense\n" +
		"# bad.jsonl:3: delay: got nothing, want integer\n{\"date\":\"2001-01-01\",\"origin\":\"x\",\"ok\":true}\n"
	if err != nil || string(got) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}

func TestSink(t *testing.T) {
	b := batch.NewBuilder(schema)
	for i, s := range []string{"plain", "a\"\\\n\r\t\x01é😀<>&", "not \xff utf-8 \xe2\x82"} {
		b.AppendTime(int64(i)*1_000_000, 0, 1)
		b.Cols[0].AppendInt64(int64(i))
		b.Cols[1].AppendString(s)
		b.Cols[1].SetValid(true)
		b.Cols[2].AppendFloat64([]float64{0.1, 1e300, 0}[i] / float64(1-i/2))
		b.Cols[2].SetValid(true)
		b.Cols[3].AppendNull()
		b.Cols[4].AppendString("hi")
		b.Cols[4].SetValid(true)
	}
	t.Chdir(t.TempDir())
	sink := connect.FileSink{Path: "out.jsonl", Schema: schema, Token: "k", Columns: []connect.Column{
		{Name: `a "b"`, From: connect.FromVs}, {Name: "delay"}, {Name: "origin"}, {Name: "ratio"}, {Name: "ok"}, {Name: "x"},
	}}
	if err := connecttest.Write(sink.Open, b.View(), 2); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(connect.TempPath("out.jsonl", "k"))
	want := `{"a \"b\"":"1970-01-01T00:00:00Z","delay":0,"origin":"plain","ratio":0.1,"ok":null,"x":"aGk="}
{"a \"b\"":"1970-01-01T00:00:01Z","delay":1,"origin":"a\"\\\n\r\t\u0001é😀<>&","ratio":1e+300,"ok":null,"x":"aGk="}
{"a \"b\"":"1970-01-01T00:00:02Z","delay":2,"origin":"not \ufffd utf-8 \ufffd\ufffd","ratio":"nan","ok":null,"x":"aGk="}
`
	if err != nil || string(got) != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
	}
}
