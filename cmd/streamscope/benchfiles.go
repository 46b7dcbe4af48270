package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/page"
)

// outFiles are where a report is shown; empty: nowhere.
type outFiles struct{ html, svg string }

func (f *outFiles) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.html, "html", "", "write the report as a page to this file")
	cmd.Flags().StringVar(&f.svg, "svg", "", "write the plot of all workloads with rows/s to this file")
	_ = cmd.MarkFlagFilename("html", "html")
	_ = cmd.MarkFlagFilename("svg", "svg")
}

// writable reports files that could not be written.
func (f *outFiles) writable() error {
	return errors.Join(folderOf("--html", f.html), folderOf("--svg", f.svg))
}

// folderOf reports a folder that is not there.
func folderOf(flag, file string) error {
	if file == "" {
		return nil
	}
	if st, err := os.Stat(filepath.Dir(file)); err != nil || !st.IsDir() {
		return fmt.Errorf("%s %s: cannot be written: there is no folder %s", flag, file, filepath.Dir(file))
	}
	return nil
}

func (f *outFiles) write(r *bench.Report) (err error) {
	if f.html != "" {
		err = bench.WriteWhole(f.html, func(w io.Writer) error { return page.Write(w, r) })
	}
	if f.svg != "" {
		err = errors.Join(err, bench.WriteWhole(f.svg, func(w io.Writer) error { return page.WritePlot(w, r) }))
	}
	return err
}
