package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle"
)

const processes = 3

// TestMain is also the other processes: they tell where they listen, are told where all do, and join.
func TestMain(m *testing.M) {
	self, err := strconv.Atoi(os.Getenv("CSVJOIN_SELF"))
	if err != nil {
		os.Exit(m.Run())
	}
	meet := func(addr string) ([]string, error) {
		fmt.Println(addr)
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return strings.Split(strings.TrimSpace(line), ","), err
	}
	if err := run(context.Background(), config(self, meet), os.Getenv("CSVJOIN_FILE"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func config(self int, meet func(string) ([]string, error)) shuffle.Config {
	peers := make([]string, processes)
	peers[self] = "127.0.0.1:0"
	return shuffle.Config{Self: self, Peers: peers, Token: "secret", Meet: meet}
}

// child is one of the other processes.
type child struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func start(t *testing.T, self int, file string) *child {
	t.Helper()
	c := &child{cmd: exec.CommandContext(t.Context(), os.Args[0])}
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("CSVJOIN_SELF=%d", self), "CSVJOIN_FILE="+file)
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThreeProcesses(t *testing.T) {
	var files [2]string
	var rows [2][][]string
	for side := range files {
		var text strings.Builder
		text.WriteString("key,value\n")
		for i := range 3000 {
			row := []string{fmt.Sprintf("k,%d", (i*(7+side))%1000), fmt.Sprintf("%d of \"%d\"", i, side)}
			rows[side] = append(rows[side], row)
			l, err := line(row)
			if err != nil {
				t.Fatal(err)
			}
			text.WriteString(l + "\n")
		}
		files[side] = fmt.Sprintf("%s/%d.csv", t.TempDir(), side)
		if err := os.WriteFile(files[side], []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	others := []*child{start(t, 1, files[1]), start(t, 2, "")}
	meet := func(addr string) ([]string, error) {
		addrs := []string{addr}
		for _, c := range others {
			other, err := c.out.ReadString('\n')
			if err != nil {
				return nil, err
			}
			addrs = append(addrs, strings.TrimSpace(other))
		}
		for _, c := range others {
			if _, err := fmt.Fprintln(c.in, strings.Join(addrs, ",")); err != nil {
				return nil, err
			}
		}
		return addrs, nil
	}
	var out bytes.Buffer
	if err := run(t.Context(), config(0, meet), files[0], &out); err != nil {
		t.Fatal(err)
	}
	for _, c := range others {
		before := out.Len()
		if _, err := io.Copy(&out, c.out); err != nil {
			t.Fatal(err)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if out.Len() == before {
			t.Error("a process joined nothing")
		}
	}
	compare(t, out.String(), rows)
}

// compare joins the slow way.
func compare(t *testing.T, out string, rows [2][][]string) {
	t.Helper()
	var want []string
	for _, l := range rows[0] {
		for _, r := range rows[1] {
			if l[0] == r[0] {
				s, err := line([]string{l[0], l[1], r[1]})
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, s)
			}
		}
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows, want %d; first %q, want %q", len(got), len(want), got[0], want[0])
	}
}
