package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/vfs"
)

const ending = ".journal"

// segment is a file of a journal.
type segment struct {
	seq    uint64
	header header
	valid  int64      // bytes that count
	least  frame.Tick // of its records; 0 without any
	last   frame.Tick // greatest of its records
	count  uint64     // of records
}

// note adds a record of these ticks.
func (s *segment) note(first, last frame.Tick) {
	if s.count == 0 || first < s.least {
		s.least = first
	}
	s.count++
	s.last = max(s.last, last)
}

func name(seq uint64) string { return fmt.Sprintf("%08d%s", seq, ending) }

// list returns the numbers of the segments in a folder, rising.
func list(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var seqs []uint64
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ending)
		if !ok {
			continue
		}
		seq, err := strconv.ParseUint(base, 10, 64)
		if err != nil || name(seq) != e.Name() {
			return nil, fmt.Errorf("%s: %w: not the name of a segment", filepath.Join(dir, e.Name()), ErrDamaged)
		}
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	return seqs, nil
}

// scan reads all segments of a journal, one after the other. take is given each record with its number; input lies in memory that take may keep
// only as what Input.elsewhere makes of it.
func scan(dir string, take func(s *segment, number uint64, r Record)) ([]*segment, error) {
	segments, err := headers(dir)
	if err != nil {
		return nil, err
	}
	for i, s := range segments {
		path := filepath.Join(dir, name(s.seq))
		b, err := beginning(path, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		newest := i == len(segments)-1
		s.valid = int64(len(b))
		if !newest {
			s.valid = int64(segments[i+1].header.sealed)
		}
		if s.valid < headerLen || s.valid > int64(len(b)) {
			return nil, fmt.Errorf("%s: %w: %d bytes, the segment behind it says that %d count", path, ErrDamaged, len(b), s.valid)
		}
		if i > 0 {
			if want := segments[i-1].header.first + segments[i-1].count; s.header.first != want {
				return nil, fmt.Errorf("%s: %w: begins with record %d, want %d", path, ErrDamaged, s.header.first, want)
			}
		}
		if err := s.records(path, b[:s.valid], newest, take); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return segments, nil
}

// headers reads the headers of all segments, rising.
func headers(dir string) (segments []*segment, err error) {
	seqs, err := list(dir)
	if err != nil {
		return nil, err
	}
	for i, seq := range seqs {
		path := filepath.Join(dir, name(seq))
		if i > 0 && seq != seqs[i-1]+1 {
			return nil, fmt.Errorf("%s: %w: follows %s", path, ErrDamaged, name(seqs[i-1]))
		}
		b, err := beginning(path, headerLen+1)
		if err != nil {
			return nil, err
		}
		h, err := parseHeader(b)
		if err != nil && i == len(seqs)-1 && len(b) <= headerLen && errors.Is(err, ErrDamaged) {
			break // its writer died before it was begun
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		segments = append(segments, &segment{seq: seq, header: h})
	}
	return segments, nil
}

// beginning reads up to n bytes of a file.
func beginning(path string, n int64) ([]byte, error) {
	f, err := vfs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}

// records reads the records of a segment. A torn one at the end of the newest segment ends it.
func (s *segment) records(path string, b []byte, newest bool, take func(*segment, uint64, Record)) error {
	at := headerLen
	for at < len(b) {
		number := s.header.first + s.count
		r, n, err := parseRecord(b[at:], number)
		if err != nil && newest && torn(b[at:], number) {
			s.valid = int64(at)
			return nil
		}
		if err != nil {
			return fmt.Errorf("at %d: %w", at, err)
		}
		s.note(r.First, r.Last)
		if r.Input != nil {
			r.Input.file = place{path, int64(at), n, number}
		}
		take(s, number, r)
		at += n
	}
	return nil
}

// torn tells whether bad bytes at the end of a segment are what an unfinished write leaves: no record of a later number follows them.
func torn(b []byte, number uint64) bool {
	if len(b) < recordLen {
		return true
	}
	for at := 1; at+recordLen <= len(b); at++ {
		if next := le.Uint64(b[at+4:]); next <= number || next > number+uint64(len(b)/recordLen) {
			continue
		}
		if _, _, err := parseRecord(b[at:], le.Uint64(b[at+4:])); err == nil {
			return false
		}
	}
	return true
}
