package connect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// InParts reports whether an output of that name is a directory of parts.
func InParts(path string) bool { return strings.HasSuffix(path, "/") }

// parts is a sink that writes a directory. Its queue's goroutine has a sink for the part that is written.
type parts struct {
	*RowQueue
	w *partWriter
}

// partWriter belongs to the queue's goroutine.
type partWriter struct {
	dir      string
	ending   string // of the parts' names
	of       string
	format   *Format
	cols     *Columns // of the rows as the queue has them
	manifest *openManifest

	at    int    // parts before the rows to come
	rows  uint64 // of the part at, that came
	sum   uint64 // over them
	sink  vertex.Sink
	out   *Output
	woken chan struct{}
}

// openParts opens the directory; resume is nil for a life that writes all rows from the first.
func (s *FileSink) openParts(format *Format, cols *Columns, resume []byte, wake func()) (vertex.Sink, error) {
	same, err := NewColumns(&batch.Schema{Fields: cols.Fields}, nil)
	if err != nil {
		return nil, err
	}
	ending := filepath.Ext(strings.TrimRight(s.Path, "/"))
	if ending == "" {
		ending = format.Endings[0]
	}
	w := &partWriter{dir: s.Path, ending: ending, of: "parts of " + outputOf(format, cols), format: format, cols: same, woken: make(chan struct{}, 1)}
	if err := w.open(s.Token, resume); err != nil {
		return nil, err
	}
	return &parts{NewRowQueue(cols, wake, RowWork{Add: w.add, Checkpoint: w.checkpoint, Finish: w.finish}), w}, nil
}

// open finds what earlier lives of the run have left, or begins anew.
func (w *partWriter) open(token string, resume []byte) error {
	var at place
	if resume != nil {
		var err error
		if at, err = parseOutPosition(w.dir, w.of, resume); err != nil {
			return err
		}
		if len(at.own) != 16 {
			return fmt.Errorf("%s: its position has %d bytes for its parts, want 16", w.dir, len(at.own))
		}
		w.rows, w.sum = binary.LittleEndian.Uint64(at.own), binary.LittleEndian.Uint64(at.own[8:])
	}
	if err := Creatable(w.dir); err != nil {
		return err
	}
	m, err := reopenManifest(w.dir, token)
	switch {
	case err == nil:
		w.manifest = m
		if err := w.goOn(at.at); err != nil {
			m.out.Leave()
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case resume != nil:
		return fmt.Errorf("%s: its %s is missing, want it with at least %d parts to go on", w.dir, ManifestName, at.at)
	}
	return w.begin(token)
}

// goOn checks that the directory has what the position says, and what is to be compared.
func (w *partWriter) goOn(at uint64) error {
	known := w.manifest.Parts
	if w.manifest.Complete {
		return fmt.Errorf("%s: its %s says that it is complete", w.dir, ManifestName)
	}
	if w.manifest.head.Of != w.of {
		return fmt.Errorf("%s: it has %s, want %s", w.dir, w.manifest.head.Of, w.of)
	}
	if at > uint64(len(known)) {
		return fmt.Errorf("%s: its %s has %d parts, want at least %d to go on", w.dir, ManifestName, len(known), at)
	}
	w.at = int(at)
	if w.rows > 0 && (w.at == len(known) || w.rows >= known[w.at].Rows) {
		return fmt.Errorf("%s: its position is behind row %d of part %d, which has no such row", w.dir, w.rows, w.at)
	}
	for _, p := range known[w.at:] {
		st, err := os.Stat(filepath.Join(w.dir, p.File))
		if err != nil {
			return pathError(filepath.Join(w.dir, p.File), err)
		}
		if uint64(st.Size()) != p.Bytes {
			return fmt.Errorf("%s: got %d bytes, want the %d that %s says", filepath.Join(w.dir, p.File), st.Size(), p.Bytes, ManifestName)
		}
	}
	return nil
}

// begin makes the directory, unless there is an empty one, and the manifest.
func (w *partWriter) begin(token string) error {
	err := os.Mkdir(w.dir, 0o777)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return writeError(w.dir, err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return pathError(w.dir, err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: the directory holds %s, want an empty one or none", w.dir, entries[0].Name())
	}
	if made {
		if err := syncDir(strings.TrimRight(w.dir, "/")); err != nil {
			return err
		}
	}
	w.manifest, err = createManifest(w.dir, manifestHead{Version: manifestVersion, Token: token, Of: w.of, Made: made})
	return err
}

// add writes rows to the part that is open. Rows that visible parts have already are compared instead.
func (w *partWriter) add(rows *batch.Batch) error {
	for rows.N > 0 && w.at < len(w.manifest.Parts) {
		p := &w.manifest.Parts[w.at]
		n := int(min(uint64(rows.N), p.Rows-w.rows))
		w.note(rows, n)
		if err := w.compare(p); err != nil {
			return err
		}
		rest := rows.Slice(n, rows.N)
		rows = &rest
	}
	if rows.N == 0 {
		return nil
	}
	if err := w.openPart(); err != nil {
		return err
	}
	w.note(rows, rows.N)
	for {
		accepted, err := w.sink.Write(rows)
		if accepted || err != nil {
			return err
		}
		<-w.woken
	}
}

// compare goes on to the part behind p, which is visible, if all of its rows came again.
func (w *partWriter) compare(p *Part) error {
	switch {
	case w.rows < p.Rows:
		return nil
	case Sum(w.sum) != p.Sum:
		return fmt.Errorf("%s: it was written with other rows than those that come again: their sum is %016x, want %016x; an operator is not deterministic, or the input has changed",
			filepath.Join(w.dir, p.File), w.sum, uint64(p.Sum))
	}
	w.at, w.rows, w.sum = w.at+1, 0, 0
	return nil
}

// note counts the first n rows and adds up their hashes.
func (w *partWriter) note(rows *batch.Batch, n int) {
	w.sum += batch.RowSums(rows, nil, 0, n, w.rows, true)
	w.rows += uint64(n)
}

// openPart opens the part at, if it is not open.
func (w *partWriter) openPart() (err error) {
	if w.sink != nil {
		return nil
	}
	if w.out, err = CreateOutput(filepath.Join(w.dir, partName(w.at, w.ending)), w.manifest.head.Token); err != nil {
		return err
	}
	wake := func() {
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
	w.sink, err = w.format.NewSink(w.out, w.cols, nil, wake)
	return err
}

// checkpoint makes a part of the rows that came, and visible, unless they are visible already.
func (w *partWriter) checkpoint() ([]byte, error) {
	if w.sink != nil {
		if err := w.closePart(); err != nil {
			return nil, err
		}
	}
	if len(w.manifest.Parts) > 0 {
		if err := w.manifest.show(); err != nil {
			return nil, err
		}
	}
	own := binary.LittleEndian.AppendUint64(nil, w.rows)
	own = binary.LittleEndian.AppendUint64(own, w.sum)
	return (&Output{of: w.of}).Position(uint64(w.at), own), nil
}

// closePart ends the part at and notes it in the manifest.
func (w *partWriter) closePart() error {
	for {
		done, err := w.sink.Finish()
		if err != nil {
			return err
		}
		if done {
			break
		}
		<-w.woken
	}
	w.sink = nil
	st, err := os.Stat(w.out.Temp)
	if err != nil {
		return pathError(w.out.Temp, err)
	}
	if err := Commit(w.out.Temp, w.out.Final); err != nil {
		return err
	}
	p := Part{File: filepath.Base(w.out.Final), Rows: w.rows, Bytes: uint64(st.Size()), Sum: Sum(w.sum)}
	if err := w.manifest.addPart(p); err != nil {
		return err
	}
	w.at, w.rows, w.sum = w.at+1, 0, 0
	return nil
}

// finish ends the last part. An output without rows has one part without.
func (w *partWriter) finish() error {
	if w.at < len(w.manifest.Parts) && w.manifest.Parts[w.at].Rows == 0 {
		w.at++
	}
	if w.at < len(w.manifest.Parts) {
		p := &w.manifest.Parts[w.at]
		return fmt.Errorf("%s: it was written with %d rows, of which only %d came again; an operator is not deterministic, or the input has changed",
			filepath.Join(w.dir, p.File), p.Rows, w.rows)
	}
	if w.at == 0 {
		if err := w.openPart(); err != nil {
			return err
		}
	}
	if w.sink != nil {
		if err := w.closePart(); err != nil {
			return err
		}
	}
	return w.manifest.out.Close()
}

// Leave lets go of the directory, see vertex.Sink.
func (s *parts) Leave() {
	s.Stop()
	if s.w.sink != nil {
		s.w.sink.Leave()
	}
	s.w.manifest.out.Leave()
}

// Abort drops the output, see vertex.Sink.
func (s *parts) Abort() {
	s.Stop()
	if s.w.sink != nil {
		s.w.sink.Abort()
	}
	_ = s.w.manifest.remove(s.w.dir)
}

// remove removes the parts, the manifest, and the directory if it was made for them and holds nothing else.
func (m *openManifest) remove(dir string) error {
	m.out.Remove()
	var errs []error
	for _, p := range m.Parts {
		errs = append(errs, os.Remove(filepath.Join(dir, p.File)))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		errs = append(errs, pathError(dir, err))
	}
	for _, e := range entries {
		if m.ownLeft(e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	if m.head.Made {
		_ = os.Remove(dir) // not if others have put something there
	}
	return errors.Join(errs...)
}

// ownLeft reports whether a file of the directory is what the run left besides: a part that was begun, or one that was ended and is not listed yet.
func (m *openManifest) ownLeft(name string) bool {
	begun := strings.HasPrefix(name, ".part-") && strings.HasSuffix(name, TempPath("", m.head.Token)[1:])
	return begun || name == partName(len(m.Parts), filepath.Ext(name))
}

// CommitParts makes all of a finished output in a directory visible: its manifest then says that it is complete. It may be done again.
func CommitParts(dir, token string) error {
	m, err := reopenManifest(dir, token)
	if err != nil {
		return err
	}
	return errors.Join(m.complete(), m.out.Close())
}

// AbortParts removes what a run that gave up has left in a directory, if there is anything.
func AbortParts(dir, token string) error {
	m, err := reopenManifest(dir, token)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errOtherRun) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.remove(dir)
}
