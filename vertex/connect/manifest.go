package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/streamscope/streamscope/ringlog/vfs"
)

// ManifestName is the file that lists the parts of an output in a directory. What it does not list is not output.
const ManifestName = "manifest.jsonl"

// manifestVersion is the format of manifests that this release reads and writes.
const manifestVersion = 1

// Bounds of a manifest, so that a damaged one asks for no memory.
const (
	manifestLineMax = 1 << 20
	partsMax        = 1 << 24
)

// manifestHead is the first line of a manifest.
type manifestHead struct {
	Version int    `json:"version"`
	Token   string `json:"token"` // of the run
	Of      string `json:"of"`    // format and columns
	Made    bool   `json:"made"`  // the directory was not there before
}

// Part is a file of an output in a directory.
type Part struct {
	File  string `json:"file"`
	Rows  uint64 `json:"rows"`
	Bytes uint64 `json:"bytes"`
	Sum   Sum    `json:"sum"` // over rows and their order, see batch.RowSums
}

// Sum is written as 16 hex digits.
type Sum uint64

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(s)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil || len(b) != 16 {
		return fmt.Errorf("got the sum %.40q, want 16 hex digits", b)
	}
	*s = Sum(v)
	return nil
}

// manifestEnd is the last line of the manifest of a complete output.
type manifestEnd struct {
	Complete bool   `json:"complete"`
	Parts    int    `json:"parts"`
	Rows     uint64 `json:"rows"`
}

// Manifest is what the manifest of an output in a directory says.
type Manifest struct {
	head     manifestHead
	Parts    []Part
	Complete bool // no part follows
	bytes    int  // of whole lines
}

// Rows is the number of rows in all parts.
func (m *Manifest) Rows() (n uint64) {
	for i := range m.Parts {
		n += m.Parts[i].Rows
	}
	return n
}

// parseManifest reads a manifest. What stands behind the last end of a line was not written to its end and does not count.
func parseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	for n := 1; ; n++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			break
		}
		if err := m.line(n, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		m.bytes += len(line) + 1
		text = rest
	}
	if m.bytes == 0 {
		return nil, errors.New("it has no first line")
	}
	return m, nil
}

func (m *Manifest) line(n int, line []byte) error {
	switch {
	case len(line) > manifestLineMax:
		return fmt.Errorf("got %d bytes, want at most %d", len(line), manifestLineMax)
	case n == 1:
		if err := strictly(line, &m.head); err != nil {
			return err
		}
		if m.head.Version != manifestVersion {
			return fmt.Errorf("it is of version %d, want %d", m.head.Version, manifestVersion)
		}
		return nil
	case m.Complete:
		return errors.New("got a line, want none behind that of the end")
	case bytes.HasPrefix(line, []byte(`{"complete":`)):
		var end manifestEnd
		if err := strictly(line, &end); err != nil {
			return err
		}
		if want := (manifestEnd{true, len(m.Parts), m.Rows()}); end != want {
			return fmt.Errorf("got the end %+v, want %+v", end, want)
		}
		m.Complete = true
		return nil
	}
	var p Part
	if err := strictly(line, &p); err != nil {
		return err
	}
	ending := filepath.Ext(p.File)
	if want := partName(len(m.Parts), ending); p.File != want || strings.ContainsAny(ending, "/\x00") {
		return fmt.Errorf("got the part %.80q, want %.80q", p.File, want)
	}
	if len(m.Parts) == partsMax {
		return fmt.Errorf("got more than %d parts", partsMax)
	}
	m.Parts = append(m.Parts, p)
	return nil
}

// strictly decodes one JSON object that has nothing besides what v has.
func strictly(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("got %.80q: %w", line, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("got %.80q, want one object", line)
	}
	return nil
}

func partName(n int, ending string) string { return fmt.Sprintf("part-%06d%s", n, ending) }

// ReadManifest reads the manifest of an output in the directory dir.
func ReadManifest(dir string) (*Manifest, error) {
	return readManifest(filepath.Join(dir, ManifestName))
}

func readManifest(path string) (*Manifest, error) {
	f, err := vfs.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, pathError(path, err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

var errOtherRun = errors.New("it is that of another run; name another directory, or remove this one")

// openManifest is the manifest of an output that is being written; its lock is that of the output.
type openManifest struct {
	Manifest
	final string // path of its final name
	out   *Output
}

// createManifest makes the manifest of a new output under its temporary name.
func createManifest(dir string, head manifestHead) (*openManifest, error) {
	m := &openManifest{Manifest: Manifest{head: head}, final: filepath.Join(dir, ManifestName)}
	var err error
	if m.out, err = CreateOutput(m.final, head.Token); err != nil {
		return nil, err
	}
	if err := m.add(head); err != nil {
		m.out.Remove()
		return nil, err
	}
	return m, nil
}

// reopenManifest opens the one that an earlier life of the run has left under its final or its temporary name; fs.ErrNotExist if there is neither.
func reopenManifest(dir, token string) (*openManifest, error) {
	m := &openManifest{final: filepath.Join(dir, ManifestName)}
	temp := TempPath(m.final, token)
	path := m.final
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		path = temp
	}
	f, err := openTemp(m.final, path, 0)
	if err != nil {
		return nil, err
	}
	read, err := readManifest(path)
	if err == nil && read.head.Token != token {
		err = fmt.Errorf("%s: %w", m.final, errOtherRun)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	m.Manifest = *read
	m.out = &Output{Final: m.final, Temp: path, f: f, again: true, kept: uint64(read.bytes)}
	if err := m.out.cut(); err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// add adds a line, durably.
func (m *openManifest) add(line any) error {
	b, err := json.Marshal(line)
	if err == nil {
		_, err = m.out.Write(append(b, '\n'))
	}
	if err == nil {
		err = m.out.Sync()
	}
	return err
}

func (m *openManifest) addPart(p Part) error {
	if err := m.add(p); err != nil {
		return err
	}
	m.Parts = append(m.Parts, p)
	return nil
}

// show gives the manifest its final name, if it does not have it.
func (m *openManifest) show() error {
	if m.out.Temp == m.final {
		return nil
	}
	if err := Commit(m.out.Temp, m.final); err != nil {
		return err
	}
	m.out.Temp = m.final
	return nil
}

// complete makes all parts visible, and says that no other follows.
func (m *openManifest) complete() error {
	if !m.Complete {
		if err := m.add(manifestEnd{true, len(m.Parts), m.Rows()}); err != nil {
			return err
		}
		m.Complete = true
	}
	return m.show()
}
