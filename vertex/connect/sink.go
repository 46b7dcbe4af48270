package connect

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// FileSink describes an output file. It is plain data; Open makes the sink.
type FileSink struct {
	Path   string        // "-": standard output
	Format string        // "csv", "jsonl", "parquet"; empty: by the ending of Path, CSV on standard output
	Schema *batch.Schema // of the batches written
	// Columns are the columns of the file, in order; nil: the fields of the schema.
	Columns []Column
	// Token makes the temporary name, see TempPath; empty: a fresh one. Whoever commits the output knows it.
	Token string
}

// Validate reports what is wrong with the description, without looking at any file.
func (s *FileSink) Validate() error {
	_, _, err := s.resolve()
	return err
}

func (s *FileSink) resolve() (*Format, *Columns, error) {
	name := s.Format
	if name == "" && s.Path == Stdout {
		name = "csv"
	}
	f, err := formatOf(name, s.Path)
	if err != nil {
		return nil, nil, err
	}
	if f.NewSink == nil {
		return nil, nil, fmt.Errorf("%s: format %s cannot be written", s.Path, f.Name)
	}
	cols, err := NewColumns(s.Schema, s.Columns)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return f, cols, nil
}

// Open creates the temporary file and returns the sink that fills it. When Finish is done, the file is complete under
// TempPath(Path, Token); the final name is given to it by Commit, by another process if need be.
func (s FileSink) Open(resume []byte, wake func()) (vertex.Sink, error) {
	format, cols, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if resume != nil {
		return nil, errors.ErrUnsupported
	}
	var out *Output
	if s.Path == Stdout {
		out, err = openStdout()
	} else {
		out, err = CreateOutput(s.Path, s.Token)
	}
	if err != nil {
		return nil, err
	}
	return format.NewSink(out, cols, wake)
}
