package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	bin := flag.String("bin", "bin/streamscope", "the binary to run")
	expected := flag.String("expected", "bench/flights/data/knock-on-2001-w1.csv", "what the result must equal")
	flag.Parse()
	if err := demo(*bin, *expected); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

const worst = 10

func demo(bin, expected string) error {
	want, err := os.ReadFile(expected)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "streamscope-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, stats := filepath.Join(dir, "knock-on.csv"), filepath.Join(dir, "stats.json")
	fmt.Printf("%s run flights: how arrivals that were late delay the departures of the next hour\n\n", bin)
	cmd := exec.Command(bin, "run", "flights", "--out", out, "--stats", stats)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	rows, err := parse(got)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe %d worst hours, by pairs of a late arrival and a late departure within the hour after it:\n\n", worst)
	if err := table(os.Stdout, worstRows(rows, worst)); err != nil {
		return err
	}
	rates, err := rates(stats)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n", rates)
	if diff := compare(got, want); diff != "" {
		return fmt.Errorf("the result differs from %s: %s", expected, diff)
	}
	fmt.Printf("demo: ok, all %d rows equal %s byte for byte\n", len(rows), expected)
	return nil
}
