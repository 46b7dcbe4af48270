package connect

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// FileSink describes an output file. It is plain data; Open makes the sink.
type FileSink struct {
	Path   string        // "-": standard output; with a slash at its end: a directory of parts
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
	f, err := formatOf(name, strings.TrimRight(s.Path, "/"))
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
//
// With a position of Checkpoint, the temporary file of that token is cut back to it and continued; the result is the same, byte for
// byte, as that of a sink that was never interrupted. It is an error, with both values, if the file is missing or shorter, or if the position is of another
// format or of other columns. Standard output cannot be cut back: rows written behind the position come again.
//
// A directory gets a part with every checkpoint that has new rows, visible at once (package document, Parts), and is made complete by CommitParts.
func (s FileSink) Open(resume []byte, wake func()) (vertex.Sink, error) {
	format, cols, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if InParts(s.Path) {
		return s.openParts(format, cols, resume, wake)
	}
	of := outputOf(format, cols)
	var at place
	if resume != nil {
		if at, err = parseOutPosition(s.Path, of, resume); err != nil {
			return nil, err
		}
	}
	out, err := s.output(resume != nil, at.at)
	if err != nil {
		return nil, err
	}
	out.of, out.kept, out.again = of, at.at, resume != nil
	sink, err := format.NewSink(out, cols, at.own, wake)
	if err != nil {
		return nil, err
	}
	if err := out.cut(); err != nil {
		sink.Leave()
		return nil, err
	}
	return sink, nil
}

func (s *FileSink) output(again bool, keep uint64) (*Output, error) {
	switch {
	case s.Path == Stdout:
		return openStdout()
	case again:
		return reopenOutput(s.Path, s.Token, keep)
	}
	return CreateOutput(s.Path, s.Token)
}
