// Package files lets jobs read and write files: it makes sources and sinks of package job from the descriptions of package connect.
//
// # Concurrency
//
// Sources and sinks are immutable but for what lies on disk; every process of a run makes its own from the same description.
//
// # Not here
//
// Formats and temporary names (vertex/connect), which process commits (control/manager).
package files

import (
	"fmt"
	"os"
	"slices"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Source reads files. Columns that the job does not use are not decoded.
type Source struct {
	*connect.Source
	files connect.Files
}

var (
	_ job.Pruner    = (*Source)(nil)
	_ job.Committer = (*Source)(nil)
)

// NewSource checks the description; files are looked at later.
func NewSource(f connect.Files) (*Source, error) {
	s, err := connect.NewSource(f)
	if err != nil {
		return nil, err
	}
	return &Source{s, f}, nil
}

// Prune implements job.Pruner.
func (s *Source) Prune(columns []string) (vertex.Source, error) {
	f := s.files
	kept := *f.Schema
	kept.Fields = nil
	for _, field := range f.Schema.Fields {
		if slices.Contains(columns, field.Name) {
			kept.Fields = append(kept.Fields, field)
		}
	}
	f.Schema = &kept
	return NewSource(f)
}

// Commit makes the file of diverted rows visible, if rows are diverted.
func (s *Source) Commit() error {
	return s.diverted(func(splits int) error { return connect.CommitDivert(s.files.DivertTo, s.files.Token, splits) })
}

// Abort removes the diverted rows.
func (s *Source) Abort() error {
	return s.diverted(func(splits int) error {
		connect.AbortDivert(s.files.DivertTo, s.files.Token, splits)
		return nil
	})
}

func (s *Source) diverted(f func(splits int) error) error {
	if s.files.BadRows != connect.Divert {
		return nil
	}
	splits, err := s.Splits()
	if err != nil {
		return err
	}
	return f(len(splits))
}

// Sink writes a file, a directory of parts, or standard output.
type Sink struct{ file connect.FileSink }

var _ job.Sink = (*Sink)(nil)

// NewSink takes a description without its schema, which the job gives. A file needs a token, the same in all processes of a run.
func NewSink(f connect.FileSink) (*Sink, error) {
	if f.Path != connect.Stdout && f.Token == "" {
		return nil, fmt.Errorf("%s: no token for the temporary name", f.Path)
	}
	return &Sink{f}, nil
}

// Check implements job.Sink.
func (s *Sink) Check(schema *batch.Schema) error {
	f := s.file
	f.Schema = schema
	return f.Validate()
}

// Open implements job.Sink.
func (s *Sink) Open(schema *batch.Schema, resume []byte, wake func()) (vertex.Sink, error) {
	f := s.file
	f.Schema = schema
	return f.Open(resume, wake)
}

// Commit implements job.Committer.
func (s *Sink) Commit() error {
	if s.file.Path == connect.Stdout {
		return nil
	}
	if connect.InParts(s.file.Path) {
		return connect.CommitParts(s.file.Path, s.file.Token)
	}
	return connect.Commit(connect.TempPath(s.file.Path, s.file.Token), s.file.Path)
}

// Abort implements job.Committer.
func (s *Sink) Abort() error {
	if s.file.Path == connect.Stdout {
		return nil
	}
	if connect.InParts(s.file.Path) {
		return connect.AbortParts(s.file.Path, s.file.Token)
	}
	if err := os.Remove(connect.TempPath(s.file.Path, s.file.Token)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("%s: its temporary file cannot be removed: %w", s.file.Path, err)
	}
	return nil
}
