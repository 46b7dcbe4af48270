package parquet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/streamscope/streamscope/vertex/connect"
)

func init() {
	connect.Register(&connect.Format{
		Name: "parquet", Endings: []string{".parquet", ".pq"},
		Open:    func(in *connect.Input, want *connect.Wanted) (connect.Decoder, error) { return open(in, want) },
		NewSink: newSink(groupLimits),
	})
}

// pageMaxBytes bounds a page, packed and unpacked. Writers make pages of about 1 MiB.
const pageMaxBytes = 64 << 20

// decoder decodes one file; each row group is a lane.
type decoder struct {
	name   string
	file   *file.Reader
	pages  io.ReaderAt
	size   int64
	leaves []leaf
	first  []int64 // row number, from 0, of the first row of each row group
}

func open(in *connect.Input, want *connect.Wanted) (d *decoder, err error) {
	defer func() {
		if err != nil {
			err = placed(in.Name, err)
		}
	}()
	defer recovered(&err)
	if in.Size < 0 {
		return nil, errors.New("a Parquet file cannot be read from a pipe")
	}
	if in.Size == 0 {
		return nil, errors.New("empty file, want a Parquet file")
	}
	if err := checkFooter(in.File, in.Size); err != nil {
		return nil, err
	}
	props := pq.NewReaderProperties(memory.NewGoAllocator())
	props.BufferedStreamEnabled = true // or arrow-go allocates what the metadata claims before it reads
	props.BufferSize = 64 << 10
	props.MaxCompressedPageSize, props.MaxUncompressedPageSize = pageMaxBytes, pageMaxBytes
	r, err := file.NewParquetReader(borrowed{in.File}, file.WithReadProps(props))
	if err != nil {
		return nil, damaged(err)
	}
	d = &decoder{name: in.Name, file: r, pages: in.File, size: in.Size}
	if d.leaves, err = findLeaves(r.MetaData().Schema, want); err != nil {
		return nil, err
	}
	return d, d.countRows()
}

// borrowed hides Close: the file belongs to package connect.
type borrowed struct{ f *os.File }

func (b borrowed) ReadAt(p []byte, off int64) (int, error)   { return b.f.ReadAt(p, off) }
func (b borrowed) Seek(off int64, whence int) (int64, error) { return b.f.Seek(off, whence) }
func (b borrowed) Read(p []byte) (int, error)                { return b.f.Read(p) }

// countRows adds up the row groups and compares them with the file.
func (d *decoder) countRows() error {
	var total int64
	for i := range d.file.NumRowGroups() {
		n := d.file.MetaData().RowGroups[i].NumRows
		if n < 0 || total+n < total {
			return damaged(fmt.Errorf("row group %d has %d rows", i, n))
		}
		d.first = append(d.first, total)
		total += n
	}
	if got := d.file.NumRows(); got != total {
		return damaged(fmt.Errorf("%d rows in all, but %d in row groups", got, total))
	}
	return nil
}

func (d *decoder) Lanes() int { return max(1, len(d.first)) }

func (d *decoder) Close() error { return nil }

// errDamaged marks complaints about the file as such.
var errDamaged = errors.New("damaged or truncated Parquet file")

func damaged(err error) error {
	if err == nil || errors.Is(err, errDamaged) {
		return err
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", errDamaged)
	}
	return fmt.Errorf("%w: %s", errDamaged, strings.TrimPrefix(err.Error(), "parquet: "))
}

// recovered turns a panic of arrow-go over a damaged file into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errDamaged, p)
	}
}

// placed names the file in front of an error that does not name it yet.
func placed(name string, err error) error {
	var row *connect.RowError
	if errors.As(err, &row) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}
