package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	manifestVersion = 1
	// MaxSnapshots bounds the snapshots of a task that exist at a time.
	MaxSnapshots = 1024
	maxChain     = 256
	manifestName = "manifest"
	fileSuffix   = ".snap"
)

// Entry is a snapshot that exists.
type Entry struct {
	Tick  frame.Tick `json:"tick"`
	Base  frame.Tick `json:"base"` // the snapshot below it, unless it is full
	Full  bool       `json:"full"`
	File  string     `json:"file"` // in the task's folder
	Bytes int64      `json:"bytes"`
	Sum   uint64     `json:"sum"`  // of the file
	Hash  uint64     `json:"hash"` // of the state
}

// manifest says which snapshots of a task exist, by ascending tick.
type manifest struct {
	Version    int          `json:"version"`
	Job        JobID        `json:"job"`
	Task       frame.TaskID `json:"task"`
	Generation uint64       `json:"generation"` // counts the commits
	Snapshots  []Entry      `json:"snapshots"`
}

// folder is the prefix of the names of a task's objects.
func folder(job JobID, task frame.TaskID) string {
	return fmt.Sprintf("job-%016x/task-%08x/", job, task)
}

func (m *manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	return fmt.Appendf(b, "sum %016x\n", xxhash.Sum64(b)), nil
}

const sumLineBytes = len("sum 0123456789abcdef\n")

func decodeManifest(b []byte) (*manifest, error) {
	if len(b) < sumLineBytes {
		return nil, damaged("manifest of %d bytes", len(b))
	}
	body := b[:len(b)-sumLineBytes]
	if got, want := fmt.Sprintf("sum %016x\n", xxhash.Sum64(body)), string(b[len(body):]); got != want {
		return nil, damaged("manifest ends in %q, want %q", want, got)
	}
	m := &manifest{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil || d.More() {
		return nil, damaged("manifest: not one value: %v", err)
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("manifest of version %d, want %d", m.Version, manifestVersion)
	}
	return m, m.valid()
}

func (m *manifest) valid() error {
	if len(m.Snapshots) > MaxSnapshots {
		return damaged("manifest of %d snapshots, want at most %d", len(m.Snapshots), MaxSnapshots)
	}
	for i, e := range m.Snapshots {
		switch {
		case i > 0 && m.Snapshots[i-1].Tick >= e.Tick:
			return damaged("manifest: tick %d after tick %d", e.Tick, m.Snapshots[i-1].Tick)
		case ValidName(e.File) != nil || strings.Contains(e.File, "/") || !strings.HasSuffix(e.File, fileSuffix):
			return damaged("manifest: file %q", e.File)
		case e.Bytes < headerBytes+footerBytes+sumBytes:
			return damaged("manifest: file %q of %d bytes", e.File, e.Bytes)
		}
		if _, err := m.chain(e.Tick); err != nil {
			return err
		}
	}
	return nil
}

func (m *manifest) find(tick frame.Tick) (Entry, bool) {
	for _, e := range m.Snapshots {
		if e.Tick == tick {
			return e, true
		}
	}
	return Entry{}, false
}

// chain lists the files of a snapshot, the newest first, the full one last.
func (m *manifest) chain(tick frame.Tick) ([]Entry, error) {
	var out []Entry
	for {
		e, ok := m.find(tick)
		switch {
		case !ok:
			return nil, damaged("manifest: no snapshot of tick %d", tick)
		case len(out) == maxChain:
			return nil, damaged("manifest: a chain of more than %d files", maxChain)
		case !e.Full && e.Base >= e.Tick:
			return nil, damaged("manifest: snapshot of tick %d is based on tick %d", e.Tick, e.Base)
		}
		out = append(out, e)
		if e.Full {
			return out, nil
		}
		tick = e.Base
	}
}

// trimmed are the snapshots from a tick on, the two newest, and what these are based on.
func (m *manifest) trimmed(from frame.Tick) (kept []Entry, err error) {
	need := map[frame.Tick]bool{}
	for i, e := range m.Snapshots {
		if e.Tick < from && i < len(m.Snapshots)-2 {
			continue
		}
		chain, err := m.chain(e.Tick)
		if err != nil {
			return nil, err
		}
		for _, c := range chain {
			need[c.Tick] = true
		}
	}
	for _, e := range m.Snapshots {
		if need[e.Tick] {
			kept = append(kept, e)
		}
	}
	return kept, nil
}
