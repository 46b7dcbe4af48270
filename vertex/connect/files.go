package connect

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Policy says what becomes of a bad row.
type Policy string

// The policies. The empty one is Fail.
const (
	Fail   Policy = "fail"   // the row's error ends the job
	Skip   Policy = "skip"   // the row is counted and left out
	Divert Policy = "divert" // the row is counted and written to the divert file, with its place
)

// Files describes a source of rows in files. It is plain data, but for Stdin; NewSource makes the source.
type Files struct {
	Paths  []string      // files, patterns of names, or "-" for standard input
	Format string        // "csv", "jsonl", "parquet"; empty: by the ending of each path
	Schema *batch.Schema // the columns wanted, by name; only these are decoded
	// Time names the column that becomes Vs; it need not be in Schema. Empty: Vs is 0 everywhere.
	Time    string
	BadRows Policy
	// DivertTo is the file that Divert writes to; it stands complete after CommitDivert.
	DivertTo string
	// Token makes the temporary names of a run, see TempPath. It is the same in all processes of the run.
	Token string
	// Comma separates the cells of CSV; 0 is a comma.
	Comma byte
	// Stdin, if set, opens standard input as one process of a run has it, for a run whose readers may have successors: they are vertex.TapeReaders
	// then. nil: standard input is that of this process.
	Stdin func() (Feed, error)
}

// Wanted is what a decoder has to find in a file.
type Wanted struct {
	Schema *batch.Schema
	Time   string
	Comma  byte
}

// Validate reports all that is wrong with the description.
func (f *Files) Validate() error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(f.Paths) == 0 {
		complain("no input file is named")
	}
	switch {
	case f.Schema == nil:
		complain("no schema is given")
	case f.Schema.HasVe || f.Schema.HasDiff:
		complain("schema %v: files have neither lifetimes nor diffs", f.Schema)
	default:
		if err := f.Schema.Valid(); err != nil {
			errs = append(errs, err)
		}
		if i := f.Schema.Index(f.Time); i >= 0 && f.Schema.Fields[i].Kind != batch.Timestamp {
			complain("column %q is to be the time, but is wanted as %v", f.Time, f.Schema.Fields[i].Kind)
		}
	}
	switch f.BadRows {
	case "", Fail, Skip:
	case Divert:
		if f.DivertTo == "" || f.Token == "" {
			complain("bad rows are to be diverted, but the file or the run's token is not named")
		}
	default:
		complain("bad rows: %q is unknown, want fail, skip or divert", f.BadRows)
	}
	if f.Comma == '"' || f.Comma == '\n' || f.Comma == '\r' || f.Comma >= 0x80 {
		complain("comma %q cannot separate cells", f.Comma)
	}
	for _, p := range f.Paths {
		if _, err := formatOf(f.Format, p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Source reads the rows of Files. It may be used by many goroutines.
type Source struct {
	files Files
}

var (
	_ vertex.Source   = (*Source)(nil)
	_ vertex.Rereader = (*Source)(nil)
)

// Reread implements vertex.Rereader: standard input is read once, and what is diverted is written once.
func (s *Source) Reread() bool {
	return s.files.BadRows != Divert && !slices.Contains(s.files.Paths, Stdin)
}

// NewSource checks a description and returns its source. Files are looked at only by Splits and Open.
func NewSource(f Files) (*Source, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if f.BadRows == "" {
		f.BadRows = Fail
	}
	if f.Comma == 0 {
		f.Comma = ','
	}
	return &Source{files: f}, nil
}

// Schema is the schema of all splits.
func (s *Source) Schema() *batch.Schema { return s.files.Schema }

// Splits finds the files, patterns expanded in the order of names, and checks that each can be read.
func (s *Source) Splits() ([]vertex.Split, error) {
	names, err := expand(s.files.Paths)
	if err != nil {
		return nil, err
	}
	splits := make([]vertex.Split, len(names))
	for i, n := range names {
		if err := readable(n); err != nil {
			return nil, err
		}
		splits[i] = vertex.Split{Name: n, ID: uint32(i)}
	}
	return splits, nil
}

// Open starts to read a split, see vertex.Source; what is wrong with the file is reported by Read, what is wrong with the position by either.
// Only regular files can be read from a position. A position within a text file is found by seeking, and a block of at most ChunkRows rows or
// about ChunkBytes is decoded again, without the rows already returned; in a Parquet file that block is the row group.
func (s *Source) Open(split vertex.Split, at vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	format, err := formatOf(s.files.Format, split.Name)
	if err != nil {
		return nil, err
	}
	if format.Open == nil {
		return nil, fmt.Errorf("%s: format %s cannot be read", split.Name, format.Name)
	}
	if split.Name == Stdin && s.files.Stdin != nil {
		return s.openTape(split, format, at, wake)
	}
	var from position
	if at != nil {
		if from, err = readPosition(split.Name, at); err != nil {
			return nil, err
		}
	}
	rejects, err := s.files.rejects(split, at != nil, from.left.divertBytes)
	if err != nil {
		return nil, err
	}
	return openReader(&s.files, format, nil, split.Name, rejects, from, wake), nil
}
