package parquet

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

func small(t testing.TB) []byte {
	cols, _ := flights(rand.New(rand.NewPCG(1, 2)), 2, 20, true)
	return testFile(t, cols, pq.WithCompression(compress.Codecs.Zstd))
}

// reader reads versions of a file without a new source for each.
func reader(t testing.TB) func(content []byte) (rows int, err error) {
	path := t.TempDir() + "/f.parquet"
	files := flightsWanted
	files.Paths = []string{path}
	src, err := connect.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	return func(content []byte) (int, error) {
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		got, _, err := connecttest.ReadAll(src, 100)
		if err != nil && !strings.HasPrefix(err.Error(), path) {
			t.Fatalf("the error does not name the file: %v", err)
		}
		return got.Len(), err
	}
}

func TestTruncatedAtEveryLength(t *testing.T) {
	whole := small(t)
	f, err := os.Create(t.TempDir() + "/f.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(whole); err != nil {
		t.Fatal(err)
	}
	want := &connect.Wanted{Schema: flightsWanted.Schema, Time: flightsWanted.Time}
	if _, err := open(&connect.Input{Name: "f", File: f, Size: int64(len(whole))}, want); err != nil {
		t.Fatalf("whole file: %v", err)
	}
	for n := len(whole) - 1; n >= 0; n-- {
		if err := f.Truncate(int64(n)); err != nil {
			t.Fatal(err)
		}
		if _, err := open(&connect.Input{Name: "f", File: f, Size: int64(n)}, want); err == nil {
			t.Fatalf("%d of %d bytes: no error", n, len(whole))
		}
	}
}

// A file of which the middle is missing has its footer, but not its pages.
func TestCutOut(t *testing.T) {
	whole, read := small(t), reader(t)
	for n := 4; n < len(whole)-12; n += 23 {
		if _, err := read(append(bytes.Clone(whole[:n]), whole[n+7:]...)); err == nil {
			t.Fatalf("7 bytes missing at %d: no error", n)
		}
	}
}

// Damage may go unnoticed where the format has no checksum, but must neither panic nor yield rows that are not there.
func TestFlippedBits(t *testing.T) {
	whole, read := small(t), reader(t)
	damaged := bytes.Clone(whole)
	for i := 0; i < len(whole); i += 11 {
		damaged[i] ^= 1 << (i % 8)
		if n, err := read(damaged); n > 40 || (err == nil && n != 40) {
			t.Fatalf("bit %d of byte %d: %d rows, %v", i%8, i, n, err)
		}
		damaged[i] = whole[i]
	}
}

func TestNoParquet(t *testing.T) {
	read := reader(t)
	for content, want := range map[string]string{
		"":                           "empty file, want a Parquet file",
		"x":                          "not a Parquet file: it has 1 bytes",
		"date,delay\n2001-01-01,5\n": `not a Parquet file: it begins with "date", want "PAR1"`,
		"PAR1 and no end":            `damaged or truncated Parquet file: it ends with " end", want "PAR1"`,
		"PAR1\xff\xff\xff\xffPAR1":   "damaged or truncated Parquet file: its footer claims 4294967295 of 12 bytes",
		"PAR1\x00\x00\x00\x00PAR1":   "damaged or truncated Parquet file: its tables are malformed: cut off at byte 0",
		"PAR1\x00\x00\x00\x00PARE":   "got an encrypted Parquet file, want a plain one",
	} {
		if _, err := read([]byte(content)); err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}

// footer wraps a thrift structure as a file.
func footer(b []byte) []byte {
	file := append([]byte(magic), b...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(b)))
	return append(file, magic...)
}

// Numbers in the footer that claim more than there is are refused before anything is allocated for them.
func TestLyingFooters(t *testing.T) {
	read := reader(t)
	list := func(n uint64, elem byte) []byte { return binary.AppendUvarint([]byte{0xf0 | elem}, n) }
	child := func(n int64) []byte { return append(binary.AppendVarint([]byte{0x55}, n), 0) } // field 5, i32
	for name, b := range map[string][]byte{
		"a list":      append([]byte{0x29}, list(1<<40, thriftStruct)...),
		"row groups":  append([]byte{0x49}, list(1<<31, thriftStruct)...),
		"text":        append([]byte{0x28}, binary.AppendUvarint(nil, 1<<62)...),
		"a map":       append([]byte{0x2b}, append(binary.AppendUvarint(nil, 1<<30), 0x55)...),
		"nesting":     bytes.Repeat([]byte{0x1c}, 1<<20),
		"lists":       bytes.Repeat([]byte{0x19}, 1<<20),
		"long number": append([]byte{0x16}, bytes.Repeat([]byte{0xff}, 30)...),
		"children":    append(append([]byte{0x29}, list(1, thriftStruct)...), append(child(1<<30), 0)...),
		"tower":       append(append([]byte{0x29}, list(1000, thriftStruct)...), append(bytes.Repeat(child(1), 1000), 0)...),
		"type 15":     {0x1f, 0},
	} {
		before := allocated()
		_, err := read(footer(b))
		if err == nil || !strings.Contains(err.Error(), "its tables are malformed") {
			t.Errorf("%s: got %v", name, err)
		}
		if used := allocated() - before; used > 8<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Page headers are walked before arrow-go sees them.
func TestLyingPages(t *testing.T) {
	header := func(typ, unpacked, packed, values int64, field byte) []byte {
		b := binary.AppendVarint([]byte{0x15}, typ)
		b = binary.AppendVarint(append(b, 0x15), unpacked)
		b = binary.AppendVarint(append(b, 0x15), packed)
		b = binary.AppendVarint(append(b, (field-3)<<4|thriftStruct, 0x15), values)
		return append(b, 0, 0)
	}
	const data, dictionary = 0, 2
	for name, c := range map[string]struct {
		pages []byte
		want  string
	}{
		"dictionary":     {header(dictionary, 100, 0, 1<<30, 7), "a dictionary claims 1073741824 values in 100 bytes"},
		"beyond the end": {header(data, 100, 1<<20, 10, 5), "a page of 1048576 bytes goes beyond the column's end"},
		"unpacked":       {header(data, 1<<30, 0, 10, 5), "a page has 1073741824 bytes"},
		"negative":       {header(data, -1, 0, 10, 5), "a page has 10 values in -1 bytes"},
		"too few rows":   {header(data, 1, 0, 9, 5), "its pages have 9 rows, want 10"},
		"too many rows":  {header(data, 1, 0, 11, 5), "its pages have 11 rows, want 10"},
		"nothing":        {nil, "its pages have 0 rows, want 10"},
		"cut off":        {[]byte{0x15}, "its tables are malformed"},
	} {
		err := chunk{to: int64(len(c.pages)), rows: 10, least: 4}.check(bytes.NewReader(c.pages))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// Packed data that unpacks to more than the page's header says must not be unpacked.
func TestBombs(t *testing.T) {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := w.EncodeAll(make([]byte, 64<<20), nil)
	codec := codec(compress.Codecs.Zstd).(compress.ErrorCodec)
	before := allocated()
	if _, err := codec.DecodeWithError(make([]byte, 1000), bomb); err == nil {
		t.Error("zstd: no error")
	}
	if _, err := codecOf(t, compress.Codecs.Snappy).DecodeWithError(make([]byte, 1000), []byte{0xff, 0xff, 0xff, 0xff, 0x0f}); err == nil {
		t.Error("snappy: no error")
	}
	if used := allocated() - before; used > 16<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

func codecOf(t *testing.T, c compress.Compression) compress.ErrorCodec {
	e, ok := codec(c).(compress.ErrorCodec)
	if !ok {
		t.Fatalf("the codec for %v reports no errors", c)
	}
	return e
}

// Only the columns wanted are decoded: damage to others does not matter.
func TestOthersAreNotDecoded(t *testing.T) {
	cols, rows := flights(rand.New(rand.NewPCG(1, 2)), 1, 20, true)
	marker := strings.Repeat("unused!", 10)
	unused := make([]string, 20)
	for i := range unused {
		unused[i] = marker
	}
	cols[0][1] = column("unused", text, pq.Types.ByteArray, unused)
	content := testFile(t, cols, pq.WithDictionaryDefault(false), pq.WithStats(false))
	at := bytes.Index(content, []byte(marker))
	for i := range 100 {
		content[at-12+i] = 0xff // the header of the page as well
	}
	if got := read(t, content, flightsWanted); got != swap(rows) {
		t.Errorf("got %s", got)
	}
}

func FuzzOpen(f *testing.F) {
	whole := small(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	f.Add(footer([]byte{0x29, 0x1c, 0x00, 0x00}))
	read := reader(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<20 {
			return
		}
		if n, err := read(content); err == nil && n > 1<<20 {
			t.Fatalf("%d rows in %d bytes", n, len(content))
		}
	})
}
