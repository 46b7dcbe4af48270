package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/bench"
)

// benchShowCommand shows a report without measuring anything.
func (a *app) benchShowCommand() *cobra.Command {
	var f outFiles
	var compare string
	cmd := &cobra.Command{
		Use:   "show REPORT.json [flags]",
		Short: "Show a report again, as text, page or plot",
		Example: `  streamscope bench show report.json --html report.html
  streamscope bench show report.json --compare before.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("bench show: got %d reports, want one", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			a.started = true
			if err := f.writable(); err != nil {
				return err
			}
			r, err := bench.ReadReport(args[0])
			if err != nil {
				return err
			}
			bench.PrintMachine(a.stdout, r.Machine)
			for i := range r.Runs {
				r.Runs[i].Print(a.stdout)
			}
			if compare != "" {
				base, err := bench.ReadReport(compare)
				if err != nil {
					return fmt.Errorf("--compare: %w", err)
				}
				r.Comparison = bench.Compare(base, r, compare)
				r.Comparison.Print(a.stdout)
			}
			return f.write(r)
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&compare, "compare", "", "compare with the report in this file")
	_ = cmd.MarkFlagFilename("compare", "json")
	return cmd
}
