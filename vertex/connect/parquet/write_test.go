package parquet

import (
	"bytes"
	"math"
	"os"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testColumn is a column of a test file: a node of its schema and its values, packed, with definition levels if it is optional.
type testColumn struct {
	node   schema.Node
	values any
	levels []int16
}

func column(name string, logical schema.LogicalType, physical pq.Type, values any, levels ...int16) testColumn {
	rep := pq.Repetitions.Required
	if levels != nil {
		rep = pq.Repetitions.Optional
	}
	node := schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, rep, logical, physical, -1, -1))
	return testColumn{node, values, levels}
}

// testFile returns a Parquet file of the given row groups, each of columns with the same schema.
func testFile(t testing.TB, groups [][]testColumn, opts ...pq.WriterProperty) []byte {
	t.Helper()
	var nodes schema.FieldList
	for _, c := range groups[0] {
		nodes = append(nodes, c.node)
	}
	root, err := schema.NewGroupNode("schema", pq.Repetitions.Required, nodes, -1)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(pq.NewWriterProperties(opts...)))
	for _, g := range groups {
		rows, err := w.AppendRowGroupChecked()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g {
			cw, err := rows.NextColumn()
			if err != nil {
				t.Fatal(err)
			}
			writeTestColumn(t, cw, c)
			if err := cw.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeTestColumn(t testing.TB, cw file.ColumnChunkWriter, c testColumn) {
	t.Helper()
	var err error
	switch v := c.values.(type) {
	case []int64:
		_, err = cw.(*file.Int64ColumnChunkWriter).WriteBatch(v, c.levels, nil)
	case []int32:
		_, err = cw.(*file.Int32ColumnChunkWriter).WriteBatch(v, c.levels, nil)
	case []pq.Int96:
		_, err = cw.(*file.Int96ColumnChunkWriter).WriteBatch(v, c.levels, nil)
	case []float32:
		_, err = cw.(*file.Float32ColumnChunkWriter).WriteBatch(v, c.levels, nil)
	case []float64:
		_, err = cw.(*file.Float64ColumnChunkWriter).WriteBatch(v, c.levels, nil)
	case []bool:
		_, err = cw.(*file.BooleanColumnChunkWriter).WriteBatch(v, c.levels, nil)
	case []string:
		var b []pq.ByteArray
		for _, s := range v {
			b = append(b, pq.ByteArray(s))
		}
		_, err = cw.(*file.ByteArrayColumnChunkWriter).WriteBatch(b, c.levels, nil)
	default:
		t.Fatalf("values of %T", v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// read reads a file's bytes as bad.parquet and returns its rows and the error, one a line.
func read(t testing.TB, content []byte, files connect.Files) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := dir + "/bad.parquet"
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	files.Paths = []string{path}
	src, err := connect.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll([]byte(connecttest.Dump(src)), []byte(dir+"/"), nil))
}

var (
	none   = schema.NoLogicalType{}
	text   = schema.StringLogicalType{}
	micro  = schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	codecs = map[string]compress.Compression{
		"none": compress.Codecs.Uncompressed, "snappy": compress.Codecs.Snappy, "gzip": compress.Codecs.Gzip,
		"zstd": compress.Codecs.Zstd, "brotli": compress.Codecs.Brotli, "lz4": compress.Codecs.Lz4Raw,
	}
)

const maxInt64 = math.MaxInt64
