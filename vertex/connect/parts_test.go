package connect_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// directory is an output in parts that is written in several lives.
type directory struct {
	rng   *rand.Rand
	file  connect.FileSink
	rows  *batch.Batch
	sink  vertex.Sink
	woken chan struct{}
	at    int // rows written
	saved []savedAt
	shown map[string]string // parts that were seen, with what is in them
}

// savedAt is a position, and the rows before it.
type savedAt struct {
	rows     int
	position []byte
}

func (d *directory) open(from savedAt) (err error) {
	d.at, d.woken = from.rows, make(chan struct{}, 1)
	woken := d.woken
	d.sink, err = d.file.Open(from.position, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	return err
}

func (d *directory) write(n int) error {
	part := d.rows.Slice(d.at, min(d.rows.N, d.at+n))
	for {
		accepted, err := d.sink.Write(&part)
		if err != nil {
			return err
		}
		if accepted {
			d.at += part.N
			return nil
		}
		<-d.woken
	}
}

func (d *directory) checkpoint() error {
	answer := make(chan error)
	at := d.at
	d.sink.Checkpoint(func(position []byte, err error) {
		if err == nil {
			d.saved = append(d.saved, savedAt{at, position})
		}
		answer <- err
	})
	return <-answer
}

func (d *directory) finish() error {
	for {
		if done, err := d.sink.Finish(); done || err != nil {
			return err
		}
		<-d.woken
	}
}

// check reports a part that is not as it was when it was first listed.
func (d *directory) check() error {
	m, err := connect.ReadManifest(d.file.Path)
	if errors.Is(err, os.ErrNotExist) || err != nil && strings.Contains(err.Error(), "no such file") {
		if len(d.shown) > 0 {
			return errors.New("parts were visible, and are not any more")
		}
		return nil
	}
	if err != nil {
		return err
	}
	if len(m.Parts) < len(d.shown) {
		return fmt.Errorf("%d parts, %d were visible", len(m.Parts), len(d.shown))
	}
	for _, p := range m.Parts {
		text, err := os.ReadFile(filepath.Join(d.file.Path, p.File))
		if err != nil {
			return err
		}
		if before, seen := d.shown[p.File]; seen && before != string(text) {
			return fmt.Errorf("%s is not what it was", p.File)
		}
		d.shown[p.File] = string(text)
	}
	return nil
}

// live writes all rows in several lives: each ends as a worker that is killed, anywhere, and the next goes on at one of the last positions.
func (d *directory) live(lives int) error {
	if err := d.open(savedAt{}); err != nil {
		return err
	}
	for {
		var err error
		switch {
		case lives > 1 && d.rng.IntN(8) == 0:
			lives--
			d.sink.Leave()
			if err = d.tear(); err != nil {
				break
			}
			from := savedAt{}
			if n := len(d.saved); n > 0 {
				n -= d.rng.IntN(min(n, 3))
				from, d.saved = d.saved[n-1], d.saved[:n]
			}
			err = d.open(from)
		case d.rng.IntN(4) == 0:
			err = d.checkpoint()
		case d.at == d.rows.N:
			if err := d.finish(); err != nil {
				return err
			}
			return connect.CommitParts(d.file.Path, d.file.Token)
		default:
			err = d.write(1 + d.rng.IntN(1+d.rows.N/6))
		}
		if err == nil {
			err = d.check()
		}
		if err != nil {
			return err
		}
	}
}

// tear adds to the manifest what a crash may leave behind its last line.
func (d *directory) tear() error {
	if d.rng.IntN(2) == 0 {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(d.file.Path, "*manifest*"))
	if err != nil || len(names) == 0 {
		return err
	}
	hidden, err := filepath.Glob(filepath.Join(d.file.Path, ".manifest*"))
	f, openErr := os.OpenFile(append(hidden, names...)[0], os.O_APPEND|os.O_WRONLY, 0)
	if err = errors.Join(err, openErr); err != nil {
		return err
	}
	_, err = f.WriteString(`{"file":"part-00`)
	return errors.Join(err, f.Close())
}

// TestPartsOfLives writes rows in one life and in several, and reads them back from the parts.
func TestPartsOfLives(t *testing.T) {
	rows := generated(t, 9000)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, 21))
			some := rows.View().Slice(0, rng.IntN(rows.Len()+1))
			dir := t.TempDir()
			d := &directory{rng: rng, rows: &some, shown: map[string]string{},
				file: connect.FileSink{Path: dir + "/out." + format + "/", Schema: rows.Schema, Token: "lives"}}
			if err := d.live(1 + rng.IntN(6)); err != nil {
				t.Errorf("%s, seed %d: %v", format, seed, err)
				continue
			}
			if err := sameRows(d.file, &some); err != nil {
				t.Errorf("%s, seed %d: %v", format, seed, err)
			}
			if err := connect.CommitParts(d.file.Path, "lives"); err != nil {
				t.Errorf("%s, seed %d: again: %v", format, seed, err)
			}
			if err := connect.AbortParts(d.file.Path, "lives"); err != nil {
				t.Errorf("%s, seed %d: %v", format, seed, err)
			}
			if left, _ := filepath.Glob(dir + "/*"); left != nil {
				t.Errorf("%s, seed %d: %q are left", format, seed, left)
			}
		}
	}
}

// sameRows reads all parts of a complete output, in order, and compares them with rows.
func sameRows(file connect.FileSink, rows *batch.Batch) error {
	m, err := connect.ReadManifest(file.Path)
	if err != nil {
		return err
	}
	if !m.Complete || m.Rows() != uint64(rows.N) {
		return fmt.Errorf("complete %v, %d rows, want %d", m.Complete, m.Rows(), rows.N)
	}
	src, err := connect.NewSource(connect.Files{Paths: []string{file.Path + "part-*" + filepath.Ext(strings.TrimSuffix(file.Path, "/"))}, Schema: file.Schema})
	if err != nil {
		return err
	}
	got, _, err := connecttest.ReadAll(src, 4096)
	if err != nil {
		return err
	}
	if got.Len() != rows.N {
		return fmt.Errorf("%d rows in the parts, want %d", got.Len(), rows.N)
	}
	want := connecttest.Lines(&batch.Batch{Schema: rows.Schema, N: rows.N, Vs: make([]int64, rows.N), Cols: rows.Cols})
	if !slices.Equal(connecttest.Lines(got.View()), want) {
		return errors.New("the rows of the parts are others")
	}
	return nil
}

// begun is an output of two visible parts of 100 rows, let go of by its first life, with the positions behind 0, 100 and 200 rows.
func begun(t *testing.T) *directory {
	t.Helper()
	rows := generated(t, 300).View()
	d := &directory{rows: rows, file: connect.FileSink{Path: t.TempDir() + "/out.csv/", Schema: rows.Schema, Token: "k"}, shown: map[string]string{}, saved: []savedAt{{}}}
	err := d.open(savedAt{})
	for range 2 {
		err = errors.Join(err, d.write(100), d.checkpoint())
	}
	if err != nil {
		t.Fatal(err)
	}
	d.sink.Leave()
	return d
}

// Rows that come again, and are not those that are visible, are found as soon as all rows of a part came.
func TestPartsOfOtherRows(t *testing.T) {
	d := begun(t)
	other := generated(t, 301).View().Slice(1, 301)
	for name, rows := range map[string]*batch.Batch{"others": &other, "fewer": func() *batch.Batch { b := d.rows.Slice(0, 150); return &b }()} {
		d.rows = rows
		err := d.open(savedAt{})
		for err == nil && d.at < rows.N {
			err = d.write(50)
		}
		if err == nil {
			err = d.finish()
		}
		d.sink.Leave()
		want := map[string]string{"others": "part-000000.csv: it was written with other rows", "fewer": "part-000001.csv: it was written with 100 rows, of which only 50 came again"}[name]
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if err := d.check(); err != nil {
			t.Error(err)
		}
	}
}

// A run that gives up after it was killed leaves nothing: not a part that it had begun, nor one that it had ended and not listed.
func TestAbortPartsLeavesNothing(t *testing.T) {
	for _, left := range []string{"part-000002.csv", filepath.Base(connect.TempPath("part-000002.csv", "k"))} {
		d := begun(t)
		if err := errors.Join(os.WriteFile(d.file.Path+left, []byte("i\n1\n"), 0o600), connect.AbortParts(d.file.Path, "k")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(d.file.Path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("with %s: the directory is still there: %v", left, err)
		}
	}
}

// What is not as the position and the manifest say is told, and left as it is.
func TestDamagedParts(t *testing.T) {
	for want, damage := range map[string]func(d *directory, manifest, part string) error{
		"no such file":    func(_ *directory, _, part string) error { return os.Remove(part) },
		"bytes, want the": func(_ *directory, _, part string) error { return os.Truncate(part, 10) },
		"is missing, want it with at least 1 parts": func(_ *directory, manifest, _ string) error { return os.Remove(manifest) },
		"it has no first line":                      func(_ *directory, manifest, _ string) error { return os.Truncate(manifest, 0) },
		"line 1: it is of version 9": func(_ *directory, manifest, _ string) error {
			return os.WriteFile(manifest, []byte(`{"version":9,"token":"k","of":"","made":true}`+"\n"), 0o600)
		},
		"it is that of another run": func(d *directory, _, _ string) error { d.file.Token = "other"; return nil },
		"it has parts of csv of i int64": func(d *directory, _, _ string) error {
			d.file.Columns = []connect.Column{{Name: "i"}}
			d.saved[1].position = nil
			return nil
		},
		"its position is of an output of parts of csv": func(d *directory, _, _ string) error { d.file.Columns = []connect.Column{{Name: "i"}}; return nil },
		"says that it is complete":                     func(d *directory, _, _ string) error { return connect.CommitParts(d.file.Path, "k") },
	} {
		d := begun(t)
		if err := damage(d, d.file.Path+connect.ManifestName, d.file.Path+"part-000001.csv"); err != nil {
			t.Fatal(err)
		}
		if err := d.open(d.saved[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestPartsOfOthers begins an output where there is something already.
func TestPartsOfOthers(t *testing.T) {
	s := generated(t, 1).Schema
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/full.csv", 0o700), os.WriteFile(dir+"/full.csv/x", nil, 0o600), os.WriteFile(dir+"/file.csv", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir + "/full.csv/":    "the directory holds x, want an empty one or none",
		dir + "/file.csv/":    "is a file, want a directory or nothing",
		dir + "/no/such.csv/": "directory " + dir + "/no does not exist",
	} {
		_, err := connect.FileSink{Path: path, Schema: s, Token: "k"}.Open(nil, func() {})
		if err == nil || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("got %v, want %s: %s", err, path, want)
		}
	}
}
