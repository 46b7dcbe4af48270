package parquet

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

func fields(f ...batch.Field) *batch.Schema { return &batch.Schema{Fields: f} }

func TestTypes(t *testing.T) {
	day, ms, us := int64(11323), int64(978307200123), int64(978307200123456)
	var i96 pq.Int96
	i96.SetNanoSeconds(us % microsPerDay * 1000)
	binary.LittleEndian.PutUint32(i96[8:], uint32(day)+2440588)
	for name, c := range map[string]struct {
		col  testColumn
		kind batch.Kind
		want string
	}{
		"int64":         {column("c", none, pq.Types.Int64, []int64{-5, maxInt64}), batch.Int64, "-5 9223372036854775807"},
		"int32":         {column("c", none, pq.Types.Int32, []int32{-5, 6}), batch.Int64, "-5 6"},
		"int8":          {column("c", schema.NewIntLogicalType(8, true), pq.Types.Int32, []int32{-5, 6}), batch.Int64, "-5 6"},
		"uint32":        {column("c", schema.NewIntLogicalType(32, false), pq.Types.Int32, []int32{-1, 6}), batch.Int64, "4294967295 6"},
		"uint64":        {column("c", schema.NewIntLogicalType(64, false), pq.Types.Int64, []int64{5, -1}), batch.Int64, "5\nbad.parquet:row 2: c: got 18446744073709551615, want integer of 64 bits with a sign"},
		"float":         {column("c", none, pq.Types.Float, []float32{0.5, -2}), batch.Float64, "0.5 -2"},
		"double":        {column("c", none, pq.Types.Double, []float64{0.1, -2}), batch.Float64, "0.1 -2"},
		"int32 as real": {column("c", none, pq.Types.Int32, []int32{3, -2}), batch.Float64, "3 -2"},
		"bool":          {column("c", none, pq.Types.Boolean, []bool{true, false}), batch.Bool, "true false"},
		"text":          {column("c", text, pq.Types.ByteArray, []string{"NA", ""}), batch.String, "NA "},
		"plain bytes":   {column("c", none, pq.Types.ByteArray, []string{"a", "b"}), batch.String, "a b"},
		"bytes":         {column("c", none, pq.Types.ByteArray, []string{"a\xff", ""}), batch.Bytes, "61ff "},
		"not UTF-8":     {column("c", text, pq.Types.ByteArray, []string{"é", "\xff"}), batch.String, "é\nbad.parquet:row 2: c: got \"\\xff\", want text in UTF-8"},
		"micros":        {column("c", micro, pq.Types.Int64, []int64{us, -1}), batch.Timestamp, "978307200123456 -1"},
		"local micros":  {column("c", schema.NewTimestampLogicalType(false, schema.TimeUnitMicros), pq.Types.Int64, []int64{us, -1}), batch.Timestamp, "978307200123456 -1"},
		"millis":        {column("c", schema.NewTimestampLogicalType(true, schema.TimeUnitMillis), pq.Types.Int64, []int64{ms, -1}), batch.Timestamp, "978307200123000 -1000"},
		"nanos":         {column("c", schema.NewTimestampLogicalType(false, schema.TimeUnitNanos), pq.Types.Int64, []int64{us*1000 + 999, -1}), batch.Timestamp, "978307200123456 -1"},
		"date":          {column("c", schema.DateLogicalType{}, pq.Types.Int32, []int32{int32(day), -1}), batch.Timestamp, "978307200000000 -86400000000"},
		"int96":         {column("c", none, pq.Types.Int96, []pq.Int96{i96}), batch.Timestamp, "978307200123456"},
		"millis too large": {column("c", schema.NewTimestampLogicalType(true, schema.TimeUnitMillis), pq.Types.Int64, []int64{ms, maxInt64}), batch.Timestamp,
			"978307200123000\nbad.parquet:row 2: c: got a time out of range, want a time in the years 1 to 9999"},
		"no int96": {column("c", none, pq.Types.Int96, []pq.Int96{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}), batch.Timestamp,
			"bad.parquet:row 1: c: got a time out of range, want a time in the years 1 to 9999"},
		"int as text":     {column("c", none, pq.Types.Int64, []int64{1}), batch.String, "bad.parquet: c: got INT64, want text"},
		"text as int":     {column("c", text, pq.Types.ByteArray, []string{"1"}), batch.Int64, "bad.parquet: c: got BYTE_ARRAY String, want integer"},
		"int as time":     {column("c", none, pq.Types.Int64, []int64{1}), batch.Timestamp, "bad.parquet: c: got INT64, want time"},
		"time as int":     {column("c", micro, pq.Types.Int64, []int64{1}), batch.Int64, "bad.parquet: c: got INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false), want integer"},
		"int64 as real":   {column("c", none, pq.Types.Int64, []int64{1}), batch.Float64, "bad.parquet: c: got INT64, want number"},
		"decimal":         {column("c", schema.NewDecimalLogicalType(9, 2), pq.Types.Int32, []int32{1}), batch.Int64, "bad.parquet: c: got INT32 Decimal(precision=9, scale=2), want integer"},
		"other column":    {column("d", none, pq.Types.Int64, []int64{1}), batch.Int64, `bad.parquet: c: no such column, the file has "d"`},
		"nulls":           {column("c", none, pq.Types.Int64, []int64{7}, 0, 1), batch.Int64, "bad.parquet:row 1: c: got null, want integer"},
		"no nulls":        {column("c", none, pq.Types.Int64, []int64{7, 8}, 1, 1), batch.Int64, "7 8"},
		"null last":       {column("c", text, pq.Types.ByteArray, []string{"7", "8"}, 1, 1, 0), batch.String, "7 8\nbad.parquet:row 3: c: got null, want text"},
		"name with a dot": {column("c.d", none, pq.Types.Int64, []int64{1}), batch.Int64, `bad.parquet: c: no such column, the file has "c.d"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, testFile(t, [][]testColumn{{c.col}}), connect.Files{Schema: fields(batch.Field{Name: "c", Kind: c.kind})})
			got = strings.ReplaceAll(strings.TrimPrefix(got, "1970-01-01T00:00:00Z "), "\n1970-01-01T00:00:00Z", "")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNestedColumns(t *testing.T) {
	leaf := schema.MustPrimitive(schema.NewPrimitiveNode("x", pq.Repetitions.Required, pq.Types.Int64, -1, -1))
	group := schema.MustGroup(schema.NewGroupNode("c", pq.Repetitions.Required, schema.FieldList{leaf}, -1))
	list := schema.MustPrimitive(schema.NewPrimitiveNode("c", pq.Repetitions.Repeated, pq.Types.Int64, -1, -1))
	want := fields(batch.Field{Name: "c", Kind: batch.Int64})
	for _, node := range []schema.Node{group, list} {
		s := schema.NewSchema(schema.MustGroup(schema.NewGroupNode("schema", pq.Repetitions.Required, schema.FieldList{node}, -1)))
		if _, err := findLeaves(s, &connect.Wanted{Schema: want}); err == nil || err.Error() != "c: got a nested column, want integer" {
			t.Errorf("got %v", err)
		}
	}
}

// flights returns row groups of n random rows in the shape of the flights data, some cells null where levels allow it, and the rows as text.
func flights(rnd *rand.Rand, groups, n int, nullable bool) (file [][]testColumn, rows []string) {
	for range groups {
		var date, delay []int64
		var origin []string
		var levels []int16
		for range n {
			d, v, o := 978307200000000+rnd.Int64N(1e15), rnd.Int64N(100)-20, fmt.Sprint("A", rnd.IntN(40))
			date, delay = append(date, d), append(delay, v)
			row := fmt.Sprint(string(connect.AppendTime(nil, d)), " ", v, " ")
			if nullable && rnd.IntN(5) == 0 {
				levels = append(levels, 0)
				row += "<nil>"
			} else {
				levels = append(levels, 1)
				origin = append(origin, o)
				row += o
			}
			rows = append(rows, row)
		}
		file = append(file, []testColumn{
			column("date", micro, pq.Types.Int64, date, ones(n)...), column("unused", none, pq.Types.Double, make([]float64, n)),
			column("delay", none, pq.Types.Int64, delay), column("origin", text, pq.Types.ByteArray, origin, levels...),
		})
	}
	return file, rows
}

func ones(n int) []int16 {
	v := make([]int16, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

var flightsWanted = connect.Files{Time: "date", Schema: fields(
	batch.Field{Name: "origin", Kind: batch.String, Nullable: true}, batch.Field{Name: "delay", Kind: batch.Int64})}

// swap brings the cells of rows (time, delay, origin) into the order of flightsWanted.
func swap(rows []string) string {
	out := make([]string, len(rows))
	for i, r := range rows {
		c := strings.Split(r, " ")
		out[i] = c[0] + " " + c[2] + " " + c[1]
	}
	return strings.Join(out, "\n")
}

// Row groups, pages that end at different rows in each column, all codecs and both page formats.
func TestLayouts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, codec := range codecs {
		for _, version := range []pq.DataPageVersion{pq.DataPageV1, pq.DataPageV2} {
			for _, dict := range []bool{true, false} {
				cols, rows := flights(rnd, 5, 300, true)
				content := testFile(t, cols, pq.WithCompression(codec), pq.WithDataPageVersion(version), pq.WithDictionaryDefault(dict),
					pq.WithDataPageSize(200), pq.WithBatchSize(16))
				if got := read(t, content, flightsWanted); got != swap(rows) {
					t.Errorf("%s, page version %d, dictionary %v: rows differ: %.300s", name, version, dict, got)
				}
			}
		}
	}
}

func TestManyRowsInSteps(t *testing.T) {
	cols, rows := flights(rand.New(rand.NewPCG(3, 4)), 7, 9000, false)
	content := testFile(t, cols)
	path := t.TempDir() + "/f.parquet"
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	files := flightsWanted
	files.Paths = []string{path}
	src, err := connect.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	splits, _ := src.Splits()
	var got []string
	_, err = connecttest.Read(src, splits[0], nil, 1000, func(b *batch.Batch) { got = append(got, connecttest.Lines(b)...) })
	if err != nil || strings.Join(got, "\n") != swap(rows) {
		t.Fatalf("%v, rows differ", err)
	}
	for seed := range uint64(8) {
		if err := connecttest.Lives(rand.New(rand.NewPCG(seed, 5)), files); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func TestBadRowsInLives(t *testing.T) {
	cols, _ := flights(rand.New(rand.NewPCG(5, 6)), 9, 700, true)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/f.parquet", testFile(t, cols), 0o666); err != nil {
		t.Fatal(err)
	}
	files := flightsWanted
	files.Paths, files.DivertTo, files.Token = []string{dir + "/f.parquet"}, dir+"/bad", "k"
	files.Schema = fields(batch.Field{Name: "origin", Kind: batch.String}, batch.Field{Name: "delay", Kind: batch.Int64})
	for _, files.BadRows = range []connect.Policy{connect.Fail, connect.Skip, connect.Divert} {
		for seed := range uint64(6) {
			if err := connecttest.Lives(rand.New(rand.NewPCG(seed, 6)), files); err != nil {
				t.Errorf("%s, seed %d: %v", files.BadRows, seed, err)
			}
		}
	}
}

func TestEmptyTables(t *testing.T) {
	cols, _ := flights(rand.New(rand.NewPCG(1, 2)), 1, 0, false)
	cols[0][0] = column("date", micro, pq.Types.Int64, []int64{})
	cols[0][3] = column("origin", text, pq.Types.ByteArray, []string{})
	if got := read(t, testFile(t, cols), flightsWanted); got != "" {
		t.Errorf("got %q, want no rows", got)
	}
}

// A dictionary makes a small file large: a chunk of rows still stays within its limit.
func TestChunksAreBounded(t *testing.T) {
	values := make([]string, 5000)
	for i := range values {
		values[i] = strings.Repeat("x", 10_000)
	}
	path := t.TempDir() + "/f.parquet"
	content := testFile(t, [][]testColumn{{column("c", text, pq.Types.ByteArray, values)}})
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := connect.NewSource(connect.Files{Paths: []string{path}, Schema: fields(batch.Field{Name: "c", Kind: batch.String})})
	if err != nil {
		t.Fatal(err)
	}
	splits, _ := src.Splits()
	n := 0
	_, err = connecttest.Read(src, splits[0], nil, 1<<20, func(b *batch.Batch) {
		n += b.N
		if bytes := b.N * 10_000; bytes > 2*connect.ChunkBytes {
			t.Fatalf("a batch of %d bytes, limit %d", bytes, connect.ChunkBytes)
		}
	})
	if err != nil || n != 5000 || len(content) > 100_000 {
		t.Fatalf("%d rows from %d bytes, %v", n, len(content), err)
	}
}

func TestBadRows(t *testing.T) {
	cols, rows := flights(rand.New(rand.NewPCG(5, 6)), 3, 100, true)
	content := testFile(t, cols)
	var good []string
	first, bad := -1, 0
	for i, r := range rows {
		if strings.HasSuffix(r, "<nil>") {
			if bad++; first < 0 {
				first = i
			}
			continue
		}
		good = append(good, r)
	}
	files := flightsWanted
	files.Schema = fields(batch.Field{Name: "origin", Kind: batch.String}, batch.Field{Name: "delay", Kind: batch.Int64})
	want := strings.TrimPrefix(fmt.Sprintf("%s\nbad.parquet:row %d: origin: got null, want text", swap(rows[:first]), first+1), "\n")
	if got := read(t, content, files); got != want {
		t.Errorf("fail: got\n%s\nwant\n%s", got, want)
	}
	files.BadRows = connect.Skip
	if got, want := read(t, content, files), fmt.Sprintf("%s\nskipped %d", swap(good), bad); got != want {
		t.Errorf("skip: got\n%s\nwant\n%s", got, want)
	}
	dir := t.TempDir()
	files.BadRows, files.DivertTo, files.Token = connect.Divert, dir+"/d", "k"
	if got, want := read(t, content, files), fmt.Sprintf("%s\ndiverted %d", swap(good), bad); got != want {
		t.Errorf("divert: got\n%s\nwant\n%s", got, want)
	}
	if err := connect.CommitDivert(dir+"/d", "k", 1); err != nil {
		t.Fatal(err)
	}
	diverted, err := os.ReadFile(dir + "/d")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(diverted), "\n")
	c := strings.Split(rows[first], " ")
	line := fmt.Sprintf(`{"origin":null,"delay":%s,"date":"%s"}`, c[1], c[0])
	if len(lines) != 2*bad+1 || lines[1] != line || !strings.Contains(lines[0], fmt.Sprintf("bad.parquet:row %d: origin: got null, want text", first+1)) {
		t.Errorf("diverted\n%s\nwant %d lines, the second %s", diverted, 2*bad+1, line)
	}
}
