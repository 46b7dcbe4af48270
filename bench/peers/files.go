package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/page"
)

// files are where a report goes; empty: nowhere.
type files struct{ json, html string }

// old is the report to add to, empty if there is none. Folders are made.
func (f *files) old() (*bench.Report, error) {
	for _, file := range []string{f.json, f.html} {
		if file == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, fmt.Errorf("the folder of the report: %w", err)
		}
	}
	if f.json == "" {
		return &bench.Report{}, nil
	}
	r, err := bench.ReadOrNew(f.json)
	if err == nil {
		err = r.SameMachine(&bench.Report{Machine: machine.Read()})
	}
	if err != nil {
		return nil, fmt.Errorf("%w (remove it, or name another file)", err)
	}
	return r, nil
}

// write adds what was measured now to the old report.
func (f *files) write(old, now *bench.Report) error {
	err := old.Add(now)
	if err == nil && f.json != "" {
		err = old.WriteFile(f.json)
	}
	if err == nil && f.html != "" {
		err = bench.WriteWhole(f.html, func(w io.Writer) error { return page.Write(w, old) })
	}
	return err
}
