package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fromStdin is a command that reads standard input for a few seconds, with a data directory.
func fromStdin(dir string, workers int, more ...string) *exec.Cmd {
	cmd := recoverable(dir, "csv", workers)
	cmd.Args = append(cmd.Args, append([]string{"--input", "-"}, more...)...)
	return cmd
}

// piped starts a command with a pipe for its standard input, into which write writes until it is done, or the command gone.
func piped(t *testing.T, cmd *exec.Cmd, stderr io.Writer, write func(io.Writer)) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	startGroup(t, cmd, stderr)
	written := make(chan struct{})
	go func() {
		defer close(written)
		write(in)
		in.Close()
	}()
	t.Cleanup(func() {
		in.Close()
		<-written
	})
}

func weekAsCSV(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(week(t).input(t, "csv"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStandardInputOutlivesWorkers kills each of three workers in turn, the source's among them: what it had read from the pipe is not lost.
func TestStandardInputOutlivesWorkers(t *testing.T) {
	for _, where := range []string{"disk", "peers(1)"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			want := faultless(t, dir, "csv")
			cmd := fromStdin(dir, 3, "--source-durability", where)
			stderr, content := &bytes.Buffer{}, weekAsCSV(t)
			piped(t, cmd, stderr, func(w io.Writer) { _, _ = w.Write(content) })
			killInTurn(t, cmd, dir, 4)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, stderr)
			}
			wantOutput(t, dir, "csv", want, stderr)
		})
	}
}

var takenBefore = regexp.MustCompile(`its first ([0-9,]+) bytes \(([0-9,]+) lines\) were taken before`)

// listener is the standard error of a run that says what it has taken before.
type listener struct {
	mu    sync.Mutex
	text  bytes.Buffer
	taken chan int // capacity 1
}

func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	if m := takenBefore.FindSubmatch(l.text.Bytes()); m != nil && l.taken != nil {
		n, _ := strconv.Atoi(strings.ReplaceAll(string(m[1]), ",", ""))
		l.taken <- n
		l.taken = nil
	}
	return len(b), nil
}

func (l *listener) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestStandardInputResumes kills everything, twice. The repeated command is given what follows what was taken, or all of it again; a beginning that is another is refused.
func TestStandardInputResumes(t *testing.T) {
	for name, workers := range map[string]int{"follows": 0, "again": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, content := t.TempDir(), weekAsCSV(t)
			want := faultless(t, dir, "csv")
			var more []string
			if name == "again" {
				more = []string{"--input-again"}
			}
			run := func(life int) (*exec.Cmd, *listener) {
				cmd := fromStdin(dir, workers, more...)
				taken := make(chan int, 1)
				l := &listener{taken: taken}
				piped(t, cmd, l, func(w io.Writer) {
					from := 0
					if life > 0 && name == "follows" {
						from = <-taken
						if from == 0 || content[from-1] != '\n' {
							t.Errorf("life %d: %d bytes were taken, which is no whole number of rows", life, from)
						}
					}
					_, _ = w.Write(content[from:])
				})
				return cmd, l
			}
			for life := range 2 {
				cmd, l := run(life)
				before := newestImages(dir)
				eventually(t, "images are saved", 20*time.Second, func() bool {
					now := newestImages(dir)
					return len(now) > 0 && newer(before, now) || gone(cmd.Process.Pid)
				})
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				if err := cmd.Wait(); err == nil {
					t.Fatalf("life %d has come to its end\n%s", life, l)
				}
				if said := takenBefore.MatchString(l.String()); said != (life > 0) {
					t.Errorf("life %d says what was taken before: %v\n%s", life, said, l)
				}
			}
			if name == "again" {
				other := bytes.Replace(content, []byte("a"), []byte("b"), 1)
				cmd := fromStdin(dir, workers, more...)
				cmd.Stdin = bytes.NewReader(other)
				if r := finish(t, cmd); r.status != 1 || !bytes.Contains(r.stderr, []byte("not the same input again")) {
					t.Errorf("another input: status %d\n%s", r.status, r.stderr)
				}
			}
			cmd, l := run(2)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, l)
			}
			wantOutput(t, dir, "csv", want, bytes.NewBufferString(l.String()))
		})
	}
}

// TestStandardInputThatIsNone: what cannot be an input says so in a line, with a data directory and without.
func TestStandardInputThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o644); err != nil {
		t.Fatal(err)
	}
	content := string(weekAsCSV(t)[:4000])
	head, rows, _ := strings.Cut(content, "\n")
	lines := strings.SplitAfter(rows, "\n")
	for _, c := range []struct{ in, flags, words string }{
		{"", "", "standard input: empty file, want a header line"},
		{"\x00\x01\xff\xfe\x80", "", "no such column"},
		{head + "\n" + lines[0] + "\x00\x01\xff\xfe,\n", "", "standard input:3: got 2 cells"},
		{head + "\n" + lines[0] + lines[1][:9], "", "standard input:3: got"},
		{strings.Repeat("x", 5<<20), "", "standard input:1: got a row of more than 4 MiB"},
		{head + "\n" + lines[0] + strings.Repeat("x", 5<<20), "", "standard input:3: got a row of more than 4 MiB"},
		{head + "\n" + lines[0] + strings.Repeat("x", 5<<20), "--on-bad-row skip --data-dir d", "cannot be left out"},
		{"", "--input pipe.csv --data-dir d", "give it as standard input"},
		{"", "--input-again", "--input-again"},
	} {
		for _, flags := range []string{c.flags, c.flags + " --data-dir " + t.TempDir(), c.flags + " --workers 2 --data-dir " + t.TempDir()} {
			if strings.Contains(c.flags, "data-dir") && flags != c.flags || strings.Contains(c.flags, "again") && flags != c.flags {
				continue
			}
			args := append([]string{"run", "flights", "--out", "x.csv"}, strings.Fields(flags)...)
			if !strings.Contains(flags, "--input ") {
				args = append(args, "--input", "-")
			}
			cmd := newCommand(args...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(c.in)
			r := finish(t, cmd)
			if r.status == 0 || !bytes.Contains(r.stderr, []byte(c.words)) || bytes.Contains(r.stderr, []byte("goroutine")) {
				t.Errorf("%.40q %s: status %d, want words %q:\n%.600s", c.in, flags, r.status, c.words, r.stderr)
			}
		}
	}
}
