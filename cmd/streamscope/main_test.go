package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

// fakeApp is an app whose engine is run.
func fakeApp(run runFunc) (a *app, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{
		stdout: stdout, stderr: stderr, now: time.Now, run: run,
		machine: options.Machine{Cores: 2, TempDir: os.TempDir()},
		jobs:    []jobInfo{{"flights", "knock-on delays"}},
	}, stdout, stderr
}

// counts is an engine that writes one line and counts.
func counts(_ context.Context, r jobRun) (report.Stats, error) {
	r.observe(report.Progress{EventsIn: 3})
	fmt.Fprintf(r.stdout, "%s %d %v\n", r.job, r.options.Tasks, r.options.Tick)
	return report.Stats{EventsIn: 3, EventsOut: 1, Ticks: 2, Late: 1}, nil
}

func fails(context.Context, jobRun) (report.Stats, error) {
	return report.Stats{}, errors.New("bad.csv:3: delay: got \"x\", want integer\nmore")
}

func TestStatusAndMessages(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	for _, c := range []struct {
		args           string
		run            runFunc
		status         int
		stdout, stderr string // words they must have; "": must be empty
	}{
		{"", counts, 0, "Available Commands", ""},
		{"help", counts, 0, "Available Commands", ""},
		{"help run", counts, 0, "--segment-bytes SIZE", ""},
		{"run --help", counts, 0, "(default: 4MiB)", ""},
		{"help nothing", counts, 2, "", "no help about"},
		{"help run nothing", counts, 0, "--segment-bytes", ""},
		{"version", counts, 0, "streamscope ", ""},
		{"version x", counts, 2, "", "unknown command"},
		{"completion bash", counts, 0, "streamscope", ""},
		{"nothing", counts, 2, "", `unknown command "nothing"`},
		{"run", counts, 2, "", "name a job: flights"},
		{"run nothing", counts, 2, "", `unknown job "nothing", want one of: flights`},
		{"run flights more", counts, 2, "", `got "more" after the job`},
		{"run flights --nothing", counts, 2, "", "unknown flag: --nothing"},
		{"run flights --tasks", counts, 2, "", "flag needs an argument: --tasks"},
		{"run flights --tasks 0 --tick x", counts, 2, "", `--tasks: got "0", want a whole number from 1 to 65535; --tick: got "x"`},
		{"run flights", counts, 0, "flights 4 bytes:1MiB\n", "3 events in, 1 out, 1 late, 0 skipped"},
		{"run flights --tasks 7 --tasks 9 --rate 5", counts, 0, "flights 9 5ms\n", "came too late"},
		{"run flights --log-format json", counts, 0, "flights", `"msg":"done"`},
		{"run flights", fails, 1, "", "streamscope: bad.csv:3: delay: got \"x\", want integer; more\n"},
		{"run flights --log-format json", fails, 1, "", `"msg":"bad.csv:3`},
		{"run flights --stats " + absent + "/s.json", counts, 1, "", "there is no directory"},
		{"run flights --pprof 256.0.0.1:1", counts, 1, "", "--pprof 256.0.0.1:1"},
	} {
		t.Run(c.args, func(t *testing.T) {
			a, stdout, stderr := fakeApp(c.run)
			if got := a.main(strings.Fields(c.args)); got != c.status {
				t.Errorf("status %d, want %d", got, c.status)
			}
			for _, o := range []struct{ name, got, want string }{{"stdout", stdout.String(), c.stdout}, {"stderr", stderr.String(), c.stderr}} {
				if o.want == "" && o.got != "" || !strings.Contains(o.got, o.want) {
					t.Errorf("%s: got %q, want %q", o.name, o.got, o.want)
				}
			}
			if c.status != 0 && strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("an error is one line, got %q", stderr.String())
			}
		})
	}
}

func TestHelpNamesEveryFlagWithItsDefault(t *testing.T) {
	a, stdout, _ := fakeApp(counts)
	if a.main([]string{"run", "flights", "--help"}) != 0 {
		t.Fatal("no help")
	}
	for _, f := range options.Flags() {
		if want := "--" + f.Name + " " + f.Meta; !strings.Contains(stdout.String(), want) {
			t.Errorf("help lacks %q", want)
		}
		if want := "(default: " + f.Default + ")"; !strings.Contains(stdout.String(), want) {
			t.Errorf("help lacks %q of --%s", want, f.Name)
		}
	}
}

func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"run |":                     "flights\tknock-on delays\n",
		"run flights --log-format|": "text\njson\n",
		"r|":                        "run\t",
		"help r|":                   "run\t",
	} {
		a, stdout, _ := fakeApp(counts)
		words := strings.Fields(strings.TrimSuffix(args, "|"))
		if strings.HasSuffix(args, " |") || strings.Contains(args, "--") {
			words = append(words, "")
		}
		if status := a.main(append([]string{"__complete"}, words...)); status != 0 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%q: status %d, got %q, want %q", args, status, stdout.String(), want)
		}
	}
}

func TestStatsFileOfARun(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stats.json")
	a, _, stderr := fakeApp(counts)
	if status := a.main([]string{"run", "flights", "--stats", path}); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got report.Stats
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.EventsIn != 3 || got.Ticks != 2 || got.PeakBytes == 0 || got.ElapsedS <= 0 || got.EventsPerS <= 0 || got.Workers == nil || got.Stages == nil {
		t.Errorf("got %s", text)
	}
}

func TestFailureLeavesNoStats(t *testing.T) {
	dir := t.TempDir()
	a, _, _ := fakeApp(fails)
	if status := a.main([]string{"run", "flights", "--stats", filepath.Join(dir, "stats.json")}); status != 1 {
		t.Fatalf("status %d, want 1", status)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A signal to this process ends the run with the signal's status, whatever the engine says about it.
func TestSignals(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		a, _, stderr := fakeApp(func(ctx context.Context, _ jobRun) (report.Stats, error) {
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				return report.Stats{}, err
			}
			<-ctx.Done()
			return report.Stats{}, errors.New("a link was cut")
		})
		if got := a.main([]string{"run", "flights"}); got != want {
			t.Errorf("%v: status %d, want %d", sig, got, want)
		}
		if !strings.Contains(stderr.String(), "nothing was written") || strings.Contains(stderr.String(), "link") {
			t.Errorf("%v: got %q", sig, stderr)
		}
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	exit := make(chan int, 1)
	ctx, i := catchSignals(context.Background(), func(status int) { exit <- status })
	defer i.stop()
	i.ch <- syscall.SIGINT
	<-ctx.Done()
	i.ch <- syscall.SIGINT
	if got := <-exit; got != 130 {
		t.Errorf("status %d, want 130", got)
	}
}

func TestPprofServesWhileTheRunLasts(t *testing.T) {
	var out bytes.Buffer
	rep := report.New("x", report.Config{Out: &out, Now: time.Now})
	stop, err := servePprof("127.0.0.1:0", rep.Log())
	if err != nil {
		t.Fatal(err)
	}
	_, url, ok := strings.Cut(strings.TrimSpace(out.String()), "profiles at ")
	if !ok {
		t.Fatalf("no address in %q", out.String())
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url + "cmdline")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %s, want 200", resp.Status)
	}
	stop()
	if _, err := client.Get(url); err == nil {
		t.Error("profiles are served after the run")
	}
}
