package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the engine on this machine",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("bench: unknown command %q, want list, run or show", args[0])
			}
			return errors.New("bench: say list, run or show")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(a.benchListCommand(), a.benchRunCommand(), a.benchShowCommand(), a.benchPeerCommand())
	return cmd
}

func (a *app) benchListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what can be measured",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			if asJSON {
				return a.benchListJSON()
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "%s\t\tall but kernels and what takes minutes or much memory\n", bench.Standard)
			for _, l := range bench.Catalog() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", l.Name, l.Unit, l.About)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as a JSON array, with what each must reach")
	return cmd
}

// listed is a workload in `bench list --json`.
type listed struct {
	Name         string                `json:"name"`
	Unit         measure.Unit          `json:"unit"`
	About        string                `json:"about"`
	Standard     bool                  `json:"standard"` // part of the standard set
	Kernels      []string              `json:"kernels,omitempty"`
	Requirements []measure.Requirement `json:"requirements,omitempty"`
	Points       []measure.Point       `json:"points,omitempty"`
}

func (a *app) benchListJSON() error {
	standard, err := bench.Select([]string{bench.Standard})
	if err != nil {
		return err
	}
	var out []listed
	for _, l := range bench.Catalog() {
		out = append(out, listed{
			Name: l.Name, Unit: l.Unit, About: l.About, Kernels: l.Kernels, Requirements: l.Require, Points: l.Points,
			Standard: slices.ContainsFunc(standard, func(s measure.Workload) bool { return s.Name == l.Name }),
		})
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// benchPeerCommand is the other process of measurements between two.
func (a *app) benchPeerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "peer",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return plane.Peer(cmd.Context(), os.Stdin, a.stdout)
		},
	}
}
